"""Security objects by hand, each part replaceable: as states and forgers may write them."""

from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sim.chip import der
from sim.chip.keys import HASH_OIDS
from sim.chip.sod import LDS_SECURITY_OBJECT, lds_security_object

GROUPS = {1: b"\x61\x00", 2: b"\x75\x00"}
SHA256 = der.sequence(der.oid(HASH_OIDS["sha256"]), der.NULL)
ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))
RSA_SHA256 = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)
PSS = "1.2.840.113549.1.1.10"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNER_KEY = ec.derive_private_key(11, ec.SECP256R1())
CSCA_KEY = ec.derive_private_key(12, ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_info(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(key, data, scheme=None, digest=None):
    digest = digest or hashes.SHA256()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, scheme or padding.PKCS1v15(), digest)
    return key.sign(data, ec.ECDSA(digest))


def name(common, country="UT", text=der.utf8):
    parts = (("2.5.4.6", der.printable(country)), ("2.5.4.3", text(common)))
    return der.sequence(*(der.set_of(der.sequence(der.oid(k), v)) for k, v in parts))


def extension(kind, value, *, critical=False):
    return der.sequence(der.oid(kind), der.TRUE if critical else b"", der.octets(value))


def key_id(key):
    return der.digest("sha1", key_info(key))


AUTHORITY = extension("2.5.29.19", der.sequence(der.TRUE), critical=True)
NO_AUTHORITY = extension("2.5.29.19", der.sequence(), critical=True)


def subject_key(key):
    return extension("2.5.29.14", der.octets(key_id(key)))


def authority_key(key):
    return extension("2.5.29.35", der.sequence(der.tlv(0x80, key_id(key))))


def purposes(*kinds):
    return extension("2.5.29.37", der.sequence(*map(der.oid, kinds)))


def utc(text):
    return der.tlv(0x17, text.encode())


def generalized(text):
    return der.tlv(0x18, text.encode())


def days(first="200101", last="400101"):
    return der.sequence(utc(first + "000000Z"), utc(last + "000000Z"))


@dataclass(frozen=True)
class Made:
    """A certificate and the key in it; by default a CSCA's, signed by itself."""

    key: object = CSCA_KEY
    subject: bytes = name("CSCA")
    by: "Made | None" = None
    issuer: bytes = b""
    serial: bytes = der.integer(1)
    validity: bytes = days()
    extensions: tuple = (AUTHORITY, subject_key(CSCA_KEY), authority_key(CSCA_KEY))
    info: bytes = b""
    algorithm: bytes = ECDSA_SHA256
    scheme: object = None

    @cached_property
    def issued_by(self):
        return self.issuer or (self.by.subject if self.by else self.subject)

    @cached_property
    def der(self):
        listed = der.explicit(3, der.sequence(*self.extensions)) if self.extensions else b""
        tbs = der.sequence(
            der.explicit(0, der.integer(2)),
            self.serial,
            self.algorithm,
            self.issued_by,
            self.validity,
            self.subject,
            self.info or key_info(self.key),
            listed,
        )
        signature = sign(self.by.key if self.by else self.key, tbs, self.scheme)
        return der.sequence(tbs, self.algorithm, der.bits(signature))


CSCA = Made()
SIGNER = Made(
    SIGNER_KEY, name("Signer"), CSCA, serial=der.integer(77), extensions=(authority_key(CSCA_KEY),)
)
RSA_SIGNER = Made(
    RSA_KEY, name("Signer"), CSCA, serial=der.integer(78), extensions=(authority_key(CSCA_KEY),)
)


def attribute(kind, value):
    return der.sequence(der.oid(kind), der.tlv(0x31, value))


def implicit(number, tagged):
    return bytes([0xA0 | number]) + tagged[1:]


def indefinite(tagged):
    """The same object with an indefinite length."""
    size = 2 + (tagged[1] & 0x7F if tagged[1] & 0x80 else 0)
    return tagged[:1] + b"\x80" + tagged[size:] + b"\x00\x00"


@dataclass(frozen=True)
class Sod:
    """EF.SOD; what is not given is as most states have it."""

    signer: Made = SIGNER
    content: bytes = field(
        default=lds_security_object(
            {n: der.digest("sha256", g) for n, g in GROUPS.items()}, "sha256"
        )
    )
    kind: str = LDS_SECURITY_OBJECT
    certificates: tuple | None = None
    identifier: bytes = b""
    digest: bytes = SHA256
    digest_name: str = "sha256"
    algorithm: bytes = ECDSA_SHA256
    scheme: object = None
    hash: object = None
    extra: tuple = ()
    stored: object = staticmethod(lambda attributes: implicit(0, der.set_of(*attributes)))
    signed: object = staticmethod(lambda attributes: der.set_of(*attributes))
    signature: bytes = b""
    other_signers: tuple = ()
    wrapped: object = staticmethod(lambda parts: der.sequence(*parts))

    @property
    def attributes(self):
        digest = der.digest(self.digest_name, self.content)
        return (
            attribute(MESSAGE_DIGEST, der.octets(digest)),
            *self.extra,
            attribute(CONTENT_TYPE, der.oid(self.kind)),
        )

    @property
    def signer_info(self):
        meant = der.sequence(self.signer.issued_by, self.signer.serial)
        signed = self.signed(self.attributes)
        return der.sequence(
            der.integer(1),
            self.identifier or meant,
            self.digest,
            self.stored(self.attributes),
            self.algorithm,
            der.octets(self.signature or sign(self.signer.key, signed, self.scheme, self.hash)),
        )

    @property
    def cms(self):
        listed = (self.signer,) if self.certificates is None else self.certificates
        certificates = b"".join(item.der for item in listed)
        signed = self.wrapped(
            (
                der.integer(3),
                der.set_of(self.digest),
                der.sequence(der.oid(self.kind), der.explicit(0, der.octets(self.content))),
                der.explicit(0, certificates) if certificates else b"",
                der.set_of(*self.other_signers, self.signer_info),
            )
        )
        return der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, signed))

    @property
    def der(self):
        return der.tlv(0x77, self.cms)
