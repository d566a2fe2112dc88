"""Signature schemes of Doc 9303-12, 4.4: RSA PKCS #1 v1.5, RSA-PSS, ECDSA; SHA-1 to SHA-512.

`cryptography` verifies wherever it knows the curve; brainpoolP160/192/224/320 and
secp192r1 are verified by `ecdsa`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from asn1crypto import algos, keys
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from drivers.passport import curves
from drivers.passport.errors import AlgorithmUnknown, CertificateError, SignatureInvalid
from drivers.passport.trust.asn1 import parsing

MIN_RSA_BITS = 1024
MAX_RSA_BITS = 8192

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 (documents signed so are still in the field)
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

HASH_OIDS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSA_PSS = "1.2.840.113549.1.1.10"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"

_SCHEMES = {
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    "1.2.840.113549.1.1.14": ("rsa", "sha224"),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"),
    "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """How something was signed: kind "rsa", "rsa_pss" or "ecdsa", and its hash."""

    kind: str
    hash_name: str
    mgf_hash: str = ""
    salt_bytes: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.hash_name}"


@dataclass(frozen=True, slots=True)
class EcKey:
    """A point on a named curve, uncompressed."""

    curve: curves.NamedCurve
    point: bytes


PublicKey = rsa.RSAPublicKey | EcKey


def digest(hash_name: str, data: bytes | bytearray) -> bytes:
    """Digest by one of the hashes of `HASHES`."""
    return hashlib.new(hash_name, data, usedforsecurity=False).digest()


def hash_name(algorithm: Any) -> str:
    """Name of a digest AlgorithmIdentifier (asn1crypto).

    Raises:
        AlgorithmUnknown: not SHA-1 or SHA-2.
    """
    oid = algorithm["algorithm"].dotted
    if oid not in HASH_OIDS:
        raise AlgorithmUnknown(f"hash {oid}")
    return HASH_OIDS[oid]


def parse_scheme(algorithm: Any, digest_name: str | None) -> Scheme:
    """Scheme of a signature AlgorithmIdentifier (asn1crypto).

    Args:
        algorithm: signatureAlgorithm of a certificate or SignerInfo.
        digest_name: the SignerInfo's digest, for identifiers that name only a key type.

    Raises:
        AlgorithmUnknown: outside Doc 9303-12.
    """
    oid = algorithm["algorithm"].dotted
    if oid in _SCHEMES:
        return Scheme(*_SCHEMES[oid])
    if oid == RSA_PSS:
        raw = algorithm["parameters"]
        parameters = raw if isinstance(raw, algos.RSASSAPSSParams) else algos.RSASSAPSSParams()
        mask = parameters["mask_gen_algorithm"]
        if mask["algorithm"].native != "mgf1":
            raise AlgorithmUnknown("RSA-PSS without MGF1")
        salt_bytes = int(parameters["salt_length"].native)
        if not 0 <= salt_bytes <= MAX_RSA_BITS // 8:
            raise AlgorithmUnknown("RSA-PSS with a salt longer than any key")
        # 1 is BC, the only one there is (RFC 4055, 3.1).
        if int(parameters["trailer_field"]) != 1:
            raise AlgorithmUnknown("RSA-PSS with another trailer")
        return Scheme(
            "rsa_pss",
            hash_name(parameters["hash_algorithm"]),
            hash_name(mask["parameters"]),
            salt_bytes,
        )
    if digest_name is not None and oid in (RSA_ENCRYPTION, EC_PUBLIC_KEY):
        return Scheme("rsa" if oid == RSA_ENCRYPTION else "ecdsa", digest_name)
    raise AlgorithmUnknown(f"signature algorithm {oid}")


def parse_public_key(public_key_info: bytes) -> PublicKey:
    """The key of a SubjectPublicKeyInfo.

    Raises:
        CertificateError: it does not parse, or is of unusable size.
        AlgorithmUnknown: neither RSA nor a curve of Doc 9303-12.
    """
    with parsing("public key", CertificateError):
        info = keys.PublicKeyInfo.load(public_key_info)
        oid = info["algorithm"]["algorithm"].dotted
        if oid in (RSA_ENCRYPTION, RSA_PSS):
            parsed = keys.RSAPublicKey.load(bytes(info["public_key"].parsed.dump()))
            modulus = parsed["modulus"].native
            if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
                raise CertificateError(f"RSA key of {modulus.bit_length()} bits")
            exponent = parsed["public_exponent"].native
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        if oid == EC_PUBLIC_KEY:
            curve = _curve(info["algorithm"]["parameters"])
            return EcKey(curve, _uncompressed(curve, bytes(info["public_key"])))
    raise AlgorithmUnknown(f"public key {oid}")


def verify(key: PublicKey, scheme: Scheme, signature: bytes, data: bytes) -> None:
    """Verify one signature.

    Raises:
        SignatureInvalid: not by this key, over this data, by this scheme.
        AlgorithmUnknown: the library refuses the combination.
    """
    try:
        if isinstance(key, EcKey):
            if scheme.kind != "ecdsa":
                raise SignatureInvalid(f"{scheme} with an elliptic curve key")
            _verify_ecdsa(key, scheme, signature, data)
        elif scheme.kind == "ecdsa":
            raise SignatureInvalid("ecdsa with an RSA key")
        else:
            key.verify(signature, data, _rsa_padding(scheme), HASHES[scheme.hash_name])
    except InvalidSignature:
        raise SignatureInvalid(f"{scheme}: signature is not by this key") from None
    except UnsupportedAlgorithm:
        raise AlgorithmUnknown(f"{scheme}: not available") from None
    except ValueError:
        raise SignatureInvalid(f"{scheme}: signature or key is malformed") from None


def _rsa_padding(scheme: Scheme) -> padding.PKCS1v15 | padding.PSS:
    if scheme.kind == "rsa":
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(HASHES[scheme.mgf_hash]), scheme.salt_bytes)


def _verify_ecdsa(key: EcKey, scheme: Scheme, signature: bytes, data: bytes) -> None:
    if key.curve.native is not None:
        native = ec.EllipticCurvePublicKey.from_encoded_point(key.curve.native, key.point)
        native.verify(signature, data, ec.ECDSA(HASHES[scheme.hash_name]))
        return
    from ecdsa import BadSignatureError, VerifyingKey
    from ecdsa.errors import MalformedPointError
    from ecdsa.util import sigdecode_string

    r, s = utils.decode_dss_signature(signature)
    order = int(key.curve.foreign.order)
    if not (0 < r < order and 0 < s < order):
        raise SignatureInvalid(f"{scheme}: signature out of range")
    size = (order.bit_length() + 7) // 8
    plain = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    try:
        foreign = VerifyingKey.from_string(key.point, curve=key.curve.foreign)
        foreign.verify_digest(
            plain, digest(scheme.hash_name, data), sigdecode=sigdecode_string, allow_truncate=True
        )
    except (BadSignatureError, MalformedPointError):
        raise SignatureInvalid(f"{scheme}: signature is not by this key") from None


def _curve(parameters: Any) -> curves.NamedCurve:
    if parameters.name == "named":
        return curves.by_oid(parameters.chosen.dotted)
    if parameters.name != "specified":
        raise AlgorithmUnknown("curve parameters inherited from an issuer")
    domain = parameters.chosen
    field = domain["field_id"]
    if field["field_type"].native != "prime_field":
        raise AlgorithmUnknown("curve over a field that is not prime")
    p = int(field["parameters"].native)
    cofactor = domain["cofactor"].native
    return curves.by_parameters(
        curves.Parameters(
            p=p,
            a=int.from_bytes(bytes(domain["curve"]["a"]), "big"),
            b=int.from_bytes(bytes(domain["curve"]["b"]), "big"),
            base=bytes(domain["base"]),
            n=int(domain["order"].native),
            # The cofactor is optional (SEC 1, C.2); of a prime order curve it is 1.
            h=1 if cofactor is None else int(cofactor),
        )
    )


def _uncompressed(curve: curves.NamedCurve, point: bytes) -> bytes:
    if len(point) == 1 + 2 * curve.size and point[0] == 4:
        return point
    from ecdsa import VerifyingKey
    from ecdsa.errors import MalformedPointError

    forms = ("compressed", "hybrid")
    try:
        found = VerifyingKey.from_string(point, curve.foreign, valid_encodings=forms)
    except MalformedPointError:
        raise CertificateError(f"{curve.name}: no point in {len(point)} bytes") from None
    return bytes(found.to_string("uncompressed"))
