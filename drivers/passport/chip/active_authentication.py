"""Active authentication: the chip signs a challenge (ICAO Doc 9303-11, 6.1).

RSA signs by ISO/IEC 9796-2 scheme 1 with message recovery, which no library has; ECDSA
answers come as plain r || s or in DER. What the signature proves depends on DG15's hash:
the caller decides whether that is the issuer's.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.asymmetric import rsa, utils

from drivers.passport import tlv
from drivers.passport.chip.apdu import WHAT_THERE_IS, Command, Response, Steps
from drivers.passport.chip.files import SHORT_READ, FileReader
from drivers.passport.errors import (
    ApduError,
    CardRefused,
    DocumentError,
    SignatureInvalid,
)
from drivers.passport.file_ids import FILE_TAGS
from drivers.passport.trust.signatures import (
    EcKey,
    PublicKey,
    Scheme,
    digest,
    parse_public_key,
    verify,
)

WRONG_LENGTH = 0x6700
PARTS = (0x61, 0x62, 0x6C)
"""SW1 of an answer that is longer than what came of it (ISO/IEC 7816-4, 5.1.3)."""
TRAILERS = {0x33: "sha1", 0x34: "sha256", 0x35: "sha512", 0x36: "sha384", 0x38: "sha224"}
"""First byte of a two-byte trailer, before CC (ISO/IEC 10118-3)."""
ECDSA_HASHES = ("sha256", "sha384", "sha512", "sha224", "sha1")


def parse_dg15(data: bytes) -> PublicKey:
    """The public key of DG15.

    Raises:
        TlvError, CertificateError: it does not parse.
        AlgorithmUnknown: neither RSA nor a curve of Doc 9303-12.
    """
    return parse_public_key(tlv.unwrap(data, FILE_TAGS["DG15"]))


def internal_authenticate(reader: FileReader, key: PublicKey, challenge: bytes) -> Steps[bytes]:
    """Let the chip sign; its signature.

    A key of more than 1,792 bits (1,848 under 3DES) obliges the chip to know extended length
    (Doc 9303-11, 6.1.4). One that does not is asked for what there is, and may give it in
    parts (61xx); if it gives less than a signature, that proves nothing about its key.

    Raises:
        CardRefused: it does not.
        ApduError: its signature does not come through in short length.
    """
    command = Command(0x00, 0x88, 0, 0, challenge, le=WHAT_THERE_IS)
    size = (key.key_size + 7) // 8 if isinstance(key, rsa.RSAPublicKey) else 0
    if size > SHORT_READ and reader.extended:
        response = yield from reader.transmit(command._replace(le=65_536))
        if response.sw != WRONG_LENGTH:
            return _signature(response)
    response = yield from reader.transmit(command)
    cut = response.ok or response.sw == WRONG_LENGTH or response.sw >> 8 in PARTS
    if len(response.data) < size > SHORT_READ and cut:
        raise ApduError(
            f"INTERNAL AUTHENTICATE: a signature of {size} bytes needs extended length, which "
            f"did not work: {len(response.data)} bytes, status {response.sw:04X}"
        )
    return _signature(response)


def _signature(response: Response) -> bytes:
    if not response.data:
        raise CardRefused("INTERNAL AUTHENTICATE", response.sw)
    return response.data


def check_signature(key: PublicKey, signature: bytes, challenge: bytes) -> str:
    """Verify a chip's signature over a challenge; the scheme in words.

    Raises:
        SignatureInvalid: it is not by this key over this challenge.
        AlgorithmUnknown: the library refuses the combination.
    """
    if isinstance(key, EcKey):
        return _check_ecdsa(key, signature, challenge)
    return "RSA " + _check_rsa(key, signature, challenge)


def _check_rsa(key: rsa.RSAPublicKey, signature: bytes, challenge: bytes) -> str:
    """ISO/IEC 9796-2:2002, clause 8: recover M1, and compare the hash of M1 || challenge."""
    numbers = key.public_numbers()
    size = (key.key_size + 7) // 8
    value = int.from_bytes(signature, "big")
    if len(signature) != size or value >= numbers.n:
        raise SignatureInvalid("active authentication: signature out of range")
    recovered = pow(value, numbers.e, numbers.n)
    if recovered & 0x0F != 0x0C:
        # The signer may give the lesser of s and n - s.
        recovered = numbers.n - recovered
    block = recovered.to_bytes(size, "big")
    if block[-1] == 0xBC:
        name, trailer = "sha1", 1
    elif block[-1] == 0xCC and block[-2] in TRAILERS:
        name, trailer = TRAILERS[block[-2]], 2
    else:
        raise SignatureInvalid("active authentication: trailer is unknown")
    hashed = len(digest(name, b""))
    # Chips in the field sign a representative that is shorter than their modulus, too.
    start = size - len(block.lstrip(b"\x00"))
    end = len(block) - trailer - hashed
    # The header 6A: partial recovery, no padding; then M1, of whole bytes.
    if end <= start or block[start] != 0x6A:
        raise SignatureInvalid("active authentication: header is wrong")
    message = block[start + 1 : end] + challenge
    if not hmac.compare_digest(digest(name, message), block[end:-trailer]):
        raise SignatureInvalid("active authentication: signature is not by this key")
    return name


def _check_ecdsa(key: EcKey, signature: bytes, challenge: bytes) -> str:
    failure: DocumentError = SignatureInvalid("active authentication: no signature")
    for form, encoded in _encodings(key, signature):
        # DG14 should name the hash, and is often not there; any of them proves the key.
        for name in ECDSA_HASHES:
            try:
                verify(key, Scheme("ecdsa", name), encoded, challenge)
            except DocumentError as error:
                failure = error
            else:
                return f"ECDSA {name}, {form}"
    raise failure


def _encodings(key: EcKey, signature: bytes) -> list[tuple[str, bytes]]:
    """The signature in DER, however it came."""
    found = []
    if signature[:1] == b"\x30":
        found.append(("DER", signature))
    size = (int(key.curve.foreign.order).bit_length() + 7) // 8
    if len(signature) == 2 * size:
        r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
        found.append(("plain", utils.encode_dss_signature(r, s)))
    return found
