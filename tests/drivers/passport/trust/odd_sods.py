"""EF.SOD in the shapes that producers give it, each signed by a key of its own making."""

from datetime import UTC, datetime

from sim.chip import der
from sim.chip.keys import HASH_OIDS, Algorithm, KeySource
from sim.chip.pki import found_country
from sim.chip.sod import lds_security_object

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
COUNTRY = found_country(KeySource.seeded(b"odd producers"), AT, algorithm=Algorithm.ECDSA_P384)
GROUPS = {1: b"\x61\x03one", 2: b"\x75\x03two"}
ID_DATA, LDS = "1.2.840.113549.1.7.1", "2.23.136.1.1.1"


def security_object(version="0107", number=None, groups=None):
    hashes = {n: der.digest("sha256", data) for n, data in (groups or GROUPS).items()}
    made = lds_security_object(hashes, "sha256", version)
    if number is None:
        return made
    inner = made[2:] if made[1] < 0x80 else made[2 + (made[1] & 0x7F) :]
    return der.sequence(der.integer(number), inner[3:])


def digest_identifier(name="sha256", *, null=False):
    return der.sequence(der.oid(HASH_OIDS[name]), der.NULL if null else b"")


def attribute(kind, value):
    return der.sequence(der.oid(kind), der.set_of(value))


def odd_sod(
    *,
    content=None,
    kind=LDS,
    version=3,
    raw=False,
    digested=None,
    signer_version=1,
    listed=("sha256",),
    null=False,
    reverse=False,
    sid=None,
    indefinite=False,
    trailing=b"",
    after=b"",
    carried=None,
    bare=False,
):
    """EF.SOD; `carried` replaces the content after it was signed.

    `bare`: there are no signed attributes; the signature is over the content.
    """
    key, certificate = COUNTRY.signer.key, COUNTRY.signer.certificate
    content = security_object() if content is None else content
    signed = digested(content) if digested else content
    attributes = sorted(
        [
            attribute("1.2.840.113549.1.9.3", der.oid(kind)),
            attribute("1.2.840.113549.1.9.4", der.octets(der.digest("sha256", signed))),
        ],
        reverse=reverse,
    )
    body = b"".join(attributes)
    signer = der.sequence(
        der.integer(signer_version),
        sid or der.sequence(certificate.issuer, der.integer(certificate.serial)),
        digest_identifier(null=null),
        b"" if bare else der.tlv(0xA0, body),
        key.signature_identifier,
        der.octets(key.sign(signed if bare else der.tlv(0x31, body))),
    )
    carried = content if carried is None else carried
    encapsulated = carried if raw else der.octets(carried)
    parts = (
        der.integer(version),
        der.set_of(*(digest_identifier(name, null=null) for name in listed)),
        der.sequence(der.oid(kind), der.explicit(0, encapsulated)),
        der.explicit(0, certificate.der),
        der.set_of(signer),
    )
    kind_of_all = der.oid("1.2.840.113549.1.7.2")
    if indefinite:
        value = b"".join(parts)
        made = b"\x30\x80" + kind_of_all + b"\xa0\x80\x30\x80" + value + b"\0\0" * 3
    else:
        made = der.sequence(kind_of_all, der.explicit(0, der.sequence(*parts)))
    return der.tlv(0x77, made, trailing) + after


def contents_of(encoded):
    """The contents octets: what PKCS #7 1.5 digests of a content that is no OCTET STRING."""
    return encoded[2:] if encoded[1] < 0x80 else encoded[2 + (encoded[1] & 0x7F) :]
