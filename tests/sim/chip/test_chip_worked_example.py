"""The worked example of ICAO Doc 9303-11, Appendix D, run against the chip byte by byte."""

from sim.chip.bac import access_keys
from sim.chip.card import Card, CardState, transact

MRZ_INFORMATION = "L898902C<369080619406236"
RND_IC = bytes.fromhex("4608F91988702212")
K_IC = bytes.fromhex("0B4F80323EB3191CB04970CB4052790B")
EF_COM = bytes.fromhex("60145F0104303130365F36063034303030305C026175")


def rigged(sizes):
    """RND.IC and K.IC of the example in place of randomness."""
    drawn = iter((RND_IC, K_IC))

    def draw(size):
        value = next(drawn)
        assert len(value) == size
        sizes.append(size)
        return value

    return draw


EXCHANGES = (
    ("00A4040C07A0000002471001", "9000"),
    ("0084000008", "4608F919887022129000"),
    (
        "008200002872C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A728",
        "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D74499000",
    ),
    # SELECT EF.COM
    ("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800", "990290008E08FA855A5D4C50A8ED9000"),
    # READ BINARY of the first four bytes
    (
        "0CB000000D9701048E08ED6705417E96BA5500",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
    ),
    # READ BINARY of the remaining 18 bytes from offset 4
    (
        "0CB000040D9701128E082EA28A70F3C7B53500",
        "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
    ),
)


def test_key_derivation():
    keys = access_keys(MRZ_INFORMATION)
    assert keys.enc.hex() == "ab94fdecf2674fdfb9b391f85d7f76f2"
    assert keys.mac.hex() == "7962d9ece03d1acd4c76089dce131543"


def test_every_byte_of_the_example():
    card = Card({0x011E: EF_COM}, access_keys(MRZ_INFORMATION))
    state, sizes = CardState(), []
    random = rigged(sizes)
    for command, response in EXCHANGES:
        state, answer = transact(card, state, bytes.fromhex(command), random)
        assert answer is not None
        assert answer.hex().upper() == response
    assert sizes == [8, 16]
    assert state.session is not None
    assert f"{state.session.ssc:016x}" == "887022120c06c22c"
