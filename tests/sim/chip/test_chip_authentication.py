"""Active and chip authentication as a terminal sees them, by arithmetic of the test's own."""

import hashlib

import pytest
from asn1crypto import keys
from chip_samples import SELECT_APPLICATION, Terminal, kdf
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sim.chip.apdu import Command
from sim.chip.card import Chip, card_of
from sim.chip.clones import CLONES, EF_DG14, EF_DG15
from sim.chip.curves import Group
from sim.chip.der import oid, tlv
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import seeded_random
from sim.chip.model import Behaviour
from sim.chip.personalise import EF_COM, EF_DG1
from sim.chip.secure_messaging import Session3Des, SessionAes
from sim.chip.specimens import SPECIMENS

CHALLENGE = bytes.fromhex("F173589974BF40C6")  # that of Doc 9303-11, appendix F
TRAILERS = {b"\xbc": "sha1", b"\x38": "sha224", b"\x34": "sha256", b"\x36": "sha384"}
TRAILERS[b"\x35"] = "sha512"


def opened(name, forgery=None, behaviour=None):
    """A terminal past access control, with the document it talks to."""
    document = SPECIMENS[name].personalisation()
    if forgery is not None:
        document = CLONES[forgery].apply(document)
    chip = Chip(card_of(document, behaviour), seeded_random(b"chip"))
    reader = Terminal(lambda raw: chip.transmit(raw)[0], document.access_key_text)
    assert reader.authenticate() == "9000"
    return reader, document


def signature_of(reader):
    command = Command(0, 0x88, 0, 0, CHALLENGE, 65_536)
    return reader.protected(command, extended=True)


def public_key_of(document):
    """SubjectPublicKeyInfo inside DG15's tag."""
    group = document.files[EF_DG15]
    return group[2 + (group[1] & 0x7F if group[1] & 0x80 else 0) :]


def recovered(document, signature):
    """Open a signature of ISO/IEC 9796-2, scheme 1: whether it is one of the challenge."""
    info = keys.PublicKeyInfo.load(public_key_of(document), strict=True)
    n, e = (info["public_key"].parsed[k].native for k in ("modulus", "public_exponent"))
    size = len(signature)
    for candidate in (int.from_bytes(signature, "big"), n - int.from_bytes(signature, "big")):
        block = pow(candidate, e, n).to_bytes(size, "big")
        if block[0] != 0x6A or block[-1:] not in (b"\xbc", b"\xcc"):
            continue
        trailer = 1 if block[-1:] == b"\xbc" else 2
        name = TRAILERS[block[-trailer:][:1]]
        digest_size = hashlib.new(name).digest_size
        own, digest = block[1 : -trailer - digest_size], block[-trailer - digest_size : -trailer]
        return name if hashlib.new(name, own + CHALLENGE).digest() == digest else None
    return None


RSA = {
    "aa_rsa_1024_sha1": "sha1",
    "aa_rsa_1280_sha224": "sha224",
    "aa_rsa_2048_sha256": "sha256",
    "aa_rsa_2048_sha512": "sha512",
    "aa_rsa_1536_sha384_least": "sha384",
}


@pytest.mark.parametrize("name", list(RSA))
def test_rsa_signs_the_challenge_with_recovery(name):
    reader, document = opened(name)
    status, signature = signature_of(reader)
    assert status == b"\x90\x00"
    assert recovered(document, signature) == RSA[name]
    # Another challenge gives another signature, and the chip's nonce another each time.
    assert signature_of(reader)[1] != signature


@pytest.mark.parametrize("name", ["aa_ecdsa_plain", "aa_ecdsa_der", "aa_ecdsa_p384"])
def test_ecdsa_signs_the_challenge(name):
    reader, document = opened(name)
    status, signature = signature_of(reader)
    assert status == b"\x90\x00"
    public = serialization.load_der_public_key(public_key_of(document))
    digest = hashes.SHA384() if name.endswith("p384") else hashes.SHA256()
    if name != "aa_ecdsa_der":
        half = len(signature) // 2
        r, s = (int.from_bytes(p, "big") for p in (signature[:half], signature[half:]))
        signature = encode_dss_signature(r, s)
    public.verify(signature, CHALLENGE, ec.ECDSA(digest))


def test_active_authentication_needs_access_and_eight_bytes():
    document = SPECIMENS["aa_ecdsa_plain"].personalisation()
    chip = Chip(card_of(document), seeded_random(b"chip"))
    chip.transmit(SELECT_APPLICATION)
    assert chip.transmit(bytes.fromhex("0088000008") + CHALLENGE + b"\x00")[0].hex() == "6982"
    reader, _ = opened("aa_ecdsa_plain")
    assert reader.protected(Command(0, 0x88, 0, 0, CHALLENGE[:7], 256))[0].hex() == "6700"


def test_clones_sign_wrongly_or_not_at_all():
    reader, document = opened("aa_rsa_2048_sha256", "cloned_rsa")
    assert recovered(document, signature_of(reader)[1]) is None
    reader, document = opened("aa_rsa_2048_sha256", "replayed_rsa")
    first = signature_of(reader)[1]
    assert recovered(document, first) is None
    assert signature_of(reader)[1] == first
    reader, _ = opened("aa_ecdsa_plain", "silent_active")
    assert signature_of(reader)[0].hex() == "6d00"


# --- chip authentication ----------------------------------------------------------------

AGREEMENTS = {
    "ca_3des": (12, CipherSuite.TRIPLE_DES, None),
    "ca_aes128": (13, CipherSuite.AES_128, None),
    "ca_aes192": (15, CipherSuite.AES_192, None),
    "ca_aes256": (17, CipherSuite.AES_256, None),
    "ca_standardised": (14, CipherSuite.AES_128, None),
    "ca_two_keys": (13, CipherSuite.AES_256, 2),
    "ca_3des_and_aes": (13, CipherSuite.AES_128, None),
}


def chip_point(document, parameter_id):
    """The chip's public key from DG14: the point of this curve's size."""
    size = 1 + 2 * Group(parameter_id).size
    mark = tlv(0x03, b"\x00\x04" + bytes(size - 1))[: -size + 1]
    content = document.files[EF_DG14]
    spots = [i for i in range(len(content)) if content.startswith(mark, i)]
    points = [Group(parameter_id).decode(content[i + len(mark) - 1 :][:size]) for i in spots]
    (point,) = (point for point in points if point is not None)
    return point


def agree(reader, document, name):
    """Chip authentication; the status word of its last command."""
    parameter_id, suite, key_id = AGREEMENTS[name]
    group = Group(parameter_id)
    own = group.encode(group.generator * 0xC0FFEE)
    reference = b"" if key_id is None else tlv(0x84, bytes([key_id]))
    if suite is CipherSuite.TRIPLE_DES:
        status, _ = reader.protected(Command(0, 0x22, 0x41, 0xA6, tlv(0x91, own) + reference, 0))
    else:
        protocol = tlv(0x80, oid(f"0.4.0.127.0.7.2.2.3.2.{suite.arc}")[2:])
        status, _ = reader.protected(Command(0, 0x22, 0x41, 0xA4, protocol + reference, 0))
        assert status == b"\x90\x00"
        data = tlv(0x7C, tlv(0x80, own))
        status, answer = reader.protected(Command(0, 0x86, 0, 0, data, 256))
        assert answer == (b"\x7c\x00" if status == b"\x90\x00" else b"")
    if status == b"\x90\x00":
        secret = group.x(chip_point(document, parameter_id) * 0xC0FFEE)
        kind = Session3Des if suite is CipherSuite.TRIPLE_DES else SessionAes
        reader.session = kind(kdf(suite, secret, 1), kdf(suite, secret, 2), 0)
    return status.hex()


@pytest.mark.parametrize("name", list(AGREEMENTS))
def test_the_new_session_reads_on(name):
    reader, document = opened(name)
    assert reader.read_file(EF_COM) == document.files[EF_COM]
    assert agree(reader, document, name) == "9000"
    assert reader.read_file(EF_DG1) == document.files[EF_DG1]


@pytest.mark.parametrize(
    ("name", "forgery"),
    [("ca_aes128", "cloned_agreement_aes"), ("ca_3des", "cloned_agreement_3des")],
)
def test_a_clone_agrees_on_other_keys(name, forgery):
    reader, document = opened(name, forgery)
    assert agree(reader, document, name) == "9000"
    status, _ = reader.protected(Command(0, 0xA4, 2, 0x0C, b"\x01\x01", 0))
    assert status.hex() == "6988"


def test_a_refused_agreement_leaves_the_session():
    reader, document = opened("ca_aes128", behaviour=Behaviour(agreement_refused=True))
    assert agree(reader, document, "ca_aes128") == "6300"
    assert reader.read_file(EF_DG1) == document.files[EF_DG1]


def test_of_several_keys_one_must_be_named():
    reader, _ = opened("ca_two_keys")
    protocol = tlv(0x80, oid("0.4.0.127.0.7.2.2.3.2.4")[2:])
    command = Command(0, 0x22, 0x41, 0xA4, protocol + tlv(0x84, b"\x09"), 0)
    assert reader.protected(command)[0].hex() == "6a88"
    other = tlv(0x80, oid("0.4.0.127.0.7.2.2.3.2.3")[2:])
    assert reader.protected(Command(0, 0x22, 0x41, 0xA4, other, 0))[0].hex() == "6a80"


def test_points_off_the_curve_are_refused():
    reader, _ = opened("ca_3des")
    off = b"\x04" + bytes(63) + b"\x01"
    assert reader.protected(Command(0, 0x22, 0x41, 0xA6, tlv(0x91, off), 0))[0].hex() == "6a80"
