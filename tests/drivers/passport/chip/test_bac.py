"""Basic Access Control against the worked example of ICAO Doc 9303-11, Appendix D."""

import pytest

from drivers.passport.chip import bac
from drivers.passport.chip.secure_messaging import TripleDes, derive_key_3des
from drivers.passport.errors import AccessDenied, CardRefused, SessionDead

MRZ_INFORMATION = "L898902C<369080619406236"
RND_IC = bytes.fromhex("4608F91988702212")
RND_IFD = bytes.fromhex("781723860C06C226")
K_IFD = bytes.fromhex("0B795240CB7049B01C19B33E32804F0B")
EXTERNAL_AUTHENTICATE = bytes.fromhex(
    "008200002872C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A728"
)
ANSWER = bytes.fromhex(
    "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D74499000"
)


def nonces(size):
    return {8: RND_IFD, 16: K_IFD}[size]


def run(*answers):
    """Feed answers; the commands sent, and the session."""
    steps = bac.authenticate(MRZ_INFORMATION, nonces)
    sent = [next(steps).apdu]
    try:
        for answer in answers:
            sent += [steps.send(answer).apdu]
    except StopIteration as end:
        return sent, end.value
    return sent, None


def test_keys_of_the_document():
    assert bac.key_seed(MRZ_INFORMATION).hex().upper() == "239AB9CB282DAF66231DC5A4DF6BFBAE"
    k_enc, k_mac = bac.document_keys(MRZ_INFORMATION)
    assert k_enc.hex().upper() == "AB94FDECF2674FDFB9B391F85D7F76F2"
    assert k_mac.hex().upper() == "7962D9ECE03D1ACD4C76089DCE131543"


def test_session_keys_have_odd_parity():
    seed = bytes.fromhex("0036D272F5C350ACAC50C3F572D23600")
    assert derive_key_3des(seed, 1).hex().upper() == "979EC13B1CBFE9DCD01AB0FED307EAE5"
    assert derive_key_3des(seed, 2).hex().upper() == "F1CB1F1FB5ADF208806B89DC579DC1F8"


def test_mutual_authentication():
    sent, session = run(RND_IC + b"\x90\x00", ANSWER)
    assert sent == [bytes.fromhex("0084000008"), EXTERNAL_AUTHENTICATE]
    assert session is not None


def test_refused_keys_are_access_denied():
    with pytest.raises(AccessDenied):
        run(RND_IC + b"\x90\x00", b"\x63\x00")


@pytest.mark.parametrize("answer", [b"\x6d\x00", b"\x90\x00", bytes(7) + b"\x90\x00"])
def test_no_challenge_is_no_bac(answer):
    with pytest.raises(CardRefused):
        run(answer)


@pytest.mark.parametrize("at", [0, 31, 39])
def test_altered_proof_of_the_chip_is_refused(at):
    altered = bytearray(ANSWER)
    altered[at] ^= 1
    with pytest.raises(SessionDead):
        run(RND_IC + b"\x90\x00", bytes(altered))


@pytest.mark.parametrize("at", [0, 7, 8, 15])
def test_proof_over_other_nonces_is_refused(at):
    """The right keys alone are not enough: the chip must have answered our challenge."""
    cipher = TripleDes(*bac.document_keys(MRZ_INFORMATION))
    plain = bytearray(RND_IC + RND_IFD + bytes(16))
    plain[at] ^= 1
    token = cipher.encrypt(bytes(plain), b"")
    with pytest.raises(SessionDead, match="nonces"):
        run(RND_IC + b"\x90\x00", token + cipher.mac(token) + b"\x90\x00")
