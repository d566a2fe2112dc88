"""Genuine documents that are odd, and forgeries that an expert would try, row by row."""

from dataclasses import replace
from datetime import date

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from odd_documents import (
    AUTHORITY,
    CSCA,
    CSCA_KEY,
    ECDSA_SHA256,
    GROUPS,
    MESSAGE_DIGEST,
    NO_AUTHORITY,
    PSS,
    RSA_KEY,
    RSA_SHA256,
    RSA_SIGNER,
    SHA256,
    SIGNER,
    SIGNER_KEY,
    SIGNING_TIME,
    Made,
    Sod,
    attribute,
    authority_key,
    days,
    extension,
    generalized,
    implicit,
    indefinite,
    key_id,
    name,
    purposes,
    sign,
    subject_key,
    utc,
)

from drivers.passport.trust.files import assemble, parse_file
from drivers.passport.trust.passive_authentication import authenticate_sod, issuing_state_check
from drivers.types import Result
from sim.chip import der
from sim.chip.curves import Group, explicit_parameters
from sim.chip.sod import lds_security_object

AT = date(2026, 11, 22)
RSA = Sod(RSA_SIGNER, algorithm=RSA_SHA256)


def explicit(base=None, cofactor=True):
    """P-256 spelt out, its base point in a form of one's own."""
    group = Group(12)
    made = explicit_parameters(group)
    point = group.encode(group.generator)
    if base is not None:
        made = made.replace(der.octets(point), der.octets(base(point)))
    if not cofactor:
        assert made.endswith(der.integer(1))
        made = made[: -len(der.integer(1))]
    return der.sequence(
        der.oid("1.2.840.10045.2.1"), der.sequence(made[2 + (made[1] & 0x7F) * (made[1] >> 7) :])
    )


def compressed(point):
    return bytes([2 + (point[-1] & 1)]) + point[1:33]


def hybrid(point):
    return bytes([6 + (point[-1] & 1)]) + point[1:]


def point_of(key, form=PublicFormat.UncompressedPoint):
    return key.public_key().public_bytes(Encoding.X962, form)


def spelt(base=None, cofactor=True, point=lambda point: point):
    made = der.sequence(explicit(base, cofactor), der.bits(point(point_of(SIGNER_KEY))))
    return Sod(replace(SIGNER, info=made))


def pss(*parts, salt=20, digest=None):
    digest = digest or hashes.SHA1()  # noqa: S303 - its default
    return replace(
        RSA,
        algorithm=der.sequence(der.oid(PSS), *parts),
        scheme=padding.PSS(padding.MGF1(digest), salt),
        hash=digest,
    )


def pss_parameters(salt, *more):
    mask = der.sequence(der.oid("1.2.840.113549.1.1.8"), SHA256)
    return der.sequence(
        der.explicit(0, SHA256), der.explicit(1, mask), der.explicit(2, salt), *more
    )


def signed_with(*extensions):
    return Sod(replace(SIGNER, extensions=extensions))


NAMELESS = replace(SIGNER, subject=der.sequence())
MD5 = der.sequence(der.oid("1.2.840.113549.2.5"))
BARE = replace(CSCA, extensions=())
OLD = replace(CSCA, validity=days("150101", "250101"))
OTHER_KEY = ec.derive_private_key(13, ec.SECP256R1())
NEXT = replace(
    CSCA, key=OTHER_KEY, extensions=(AUTHORITY, subject_key(OTHER_KEY), authority_key(OTHER_KEY))
)
LINK = replace(NEXT, by=CSCA, validity=days("200101", "250101"))
MANY = {**{n: der.digest("sha256", g) for n, g in GROUPS.items()}, 3: bytes(32), 4: bytes(32)}

GENUINE = {
    "as most states have it": (Sod(), CSCA),
    "digest without parameters": (Sod(digest=der.sequence(SHA256[2:-2])), CSCA),
    "signature named by key type, RSA": (
        replace(RSA, algorithm=der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL)),
        CSCA,
    ),
    "signature named by key type, EC": (
        Sod(algorithm=der.sequence(der.oid("1.2.840.10045.2.1"))),
        CSCA,
    ),
    "signer by key identifier": (
        Sod(
            replace(SIGNER, extensions=(subject_key(SIGNER_KEY),)),
            identifier=der.tlv(0x80, key_id(SIGNER_KEY)),
        ),
        CSCA,
    ),
    "attributes stored out of order": (
        Sod(stored=lambda found: implicit(0, der.tlv(0x31, *found))),
        CSCA,
    ),
    "attributes signed out of order": (
        Sod(
            stored=lambda found: implicit(0, der.tlv(0x31, *found)),
            signed=lambda found: der.tlv(0x31, *found),
        ),
        CSCA,
    ),
    "attributes of indefinite length": (
        Sod(stored=lambda found: indefinite(implicit(0, der.set_of(*found)))),
        CSCA,
    ),
    "signing time": (Sod(extra=(attribute(SIGNING_TIME, utc("240101120000Z")),)), CSCA),
    "signing time in four digits": (
        Sod(extra=(attribute(SIGNING_TIME, generalized("20240101120000Z")),)),
        CSCA,
    ),
    "signing time that is none": (Sod(extra=(attribute(SIGNING_TIME, utc("soon")),)), CSCA),
    "an attribute of its own": (Sod(extra=(attribute("1.2.3.4.5", der.utf8("x")),)), CSCA),
    "attributes of its own, of several values and twice": (
        Sod(
            extra=(
                der.sequence(der.oid("1.2.3.4.5"), der.set_of(der.utf8("x"), der.utf8("y"))),
                der.sequence(der.oid("1.2.3.4.5"), der.set_of()),
            )
        ),
        CSCA,
    ),
    "signed data of indefinite length": (
        Sod(wrapped=lambda parts: indefinite(der.sequence(*parts))),
        CSCA,
    ),
    "several certificates": (Sod(certificates=(CSCA, RSA_SIGNER, SIGNER)), CSCA),
    "certificate in the store alone": (Sod(certificates=()), CSCA, SIGNER),
    "a second signer of an unknown kind": (
        Sod(other_signers=(Sod(digest=MD5).signer_info,)),
        CSCA,
    ),
    "PSS by default": (pss(), CSCA),
    "PSS with empty parameters": (pss(der.sequence()), CSCA),
    "PSS with a salt of its own length": (
        pss(pss_parameters(der.integer(48)), salt=48, digest=hashes.SHA256()),
        CSCA,
    ),
    "PSS without salt": (
        pss(pss_parameters(der.integer(0)), salt=0, digest=hashes.SHA256()),
        CSCA,
    ),
    "explicit curve": (spelt(), CSCA),
    "explicit curve, no cofactor": (spelt(cofactor=False), CSCA),
    "explicit curve, compressed base": (spelt(compressed), CSCA),
    "explicit curve, hybrid base": (spelt(hybrid), CSCA),
    "explicit curve, compressed point": (spelt(point=compressed), CSCA),
    "explicit curve, hybrid point": (spelt(point=hybrid), CSCA),
    "negative serial": (Sod(replace(SIGNER, serial=der.tlv(0x02, b"\xff\x01"))), CSCA),
    "serial of 24 bytes": (Sod(replace(SIGNER, serial=der.integer(1 << 190))), CSCA),
    "serial 0": (Sod(replace(SIGNER, serial=der.integer(0))), CSCA),
    "no country": (Sod(NAMELESS), CSCA),
    "country in lower case": (Sod(replace(SIGNER, subject=name("Signer", "ut"))), CSCA),
    "issuer in other letters and strings": (
        Sod(replace(SIGNER, issuer=name("csca ", "ut", der.printable))),
        CSCA,
    ),
    "issuer by key identifier alone": (Sod(replace(SIGNER, issuer=name("Another name"))), CSCA),
    "no key identifiers": (Sod(replace(SIGNER, extensions=())), BARE),
    "malformed key identifiers": (
        Sod(
            replace(
                SIGNER, extensions=(extension("2.5.29.14", b"\x01"), extension("2.5.29.35", b"x"))
            )
        ),
        CSCA,
    ),
    "a malformed extension of no concern": (
        Sod(
            replace(SIGNER, extensions=(extension("2.5.29.16", b"x"), extension("2.5.29.18", b"x")))
        ),
        CSCA,
    ),
    "dates in four digits": (
        Sod(
            replace(
                SIGNER,
                validity=der.sequence(
                    generalized("20200101000000Z"), generalized("20510101000000Z")
                ),
            )
        ),
        CSCA,
    ),
    "hashes of groups that are not read": (Sod(content=lds_security_object(MANY, "sha256")), CSCA),
    "the first Security Object's identifier": (Sod(kind="1.3.27.1.1.1"), CSCA),
    "authority issued again, the former one has expired": (Sod(), OLD, CSCA),
    "authority that only its link certificate outlives": (
        Sod(replace(SIGNER, by=NEXT, extensions=())),
        LINK,
        NEXT,
    ),
    "authority's key changed, its name kept": (Sod(replace(SIGNER, extensions=())), NEXT, CSCA),
}


class Altered:
    """A security object with a few bytes of it replaced."""

    def __init__(self, sod, before, after):
        self.der = sod.der.replace(before, after)


def cube_root(number):
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < number else (low, middle)
    return low


def forged_cube():
    """PKCS #1 of a key with exponent 3: a cube that begins right, with garbage behind the hash."""
    modulus = RSA_KEY.public_key().public_numbers().n
    key = der.sequence(der.integer(modulus), der.integer(3))
    rsa = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL)
    digest = der.digest("sha256", der.set_of(*RSA.attributes))
    begin = b"\x00\x01" + b"\xff" * 8 + b"\x00" + der.sequence(SHA256, der.octets(digest))
    root = cube_root(int.from_bytes(begin.ljust(256, b"\x00"), "big"))
    assert (root**3).to_bytes(256, "big").startswith(begin)
    signer = replace(RSA_SIGNER, info=der.sequence(rsa, der.bits(key)))
    return replace(RSA, signer=signer, signature=root.to_bytes(256, "big"))


def numbers(r, s):
    return Sod(signature=der.sequence(der.integer(r), der.integer(s)))


SECOND = Made(OTHER_KEY, name("Second"), SIGNER, serial=der.integer(5), extensions=())
HASH = der.digest("sha256", GROUPS[1])

FORGED = {
    "a hash replaced": ("sod_signature", Altered(Sod(), HASH, bytes(32)), CSCA),
    "digest by MD5": (
        "sod_signature",
        Sod(digest=MD5),
        CSCA,
    ),
    "r is 0": ("sod_signature", numbers(0, 1), CSCA),
    "s is 0": ("sod_signature", numbers(1, 0), CSCA),
    "r and s are the order": ("sod_signature", numbers(*[Group(12).order] * 2), CSCA),
    "attributes left out": (
        "sod_signature",
        Sod(stored=lambda _: b"", signed=lambda _: der.set_of(*Sod().attributes)),
        CSCA,
    ),
    "attributes in the place of the content": (
        "sod_signature",
        Sod(
            content=der.set_of(*Sod().attributes),
            stored=lambda _: b"",
            signed=lambda _: der.set_of(*Sod().attributes),
        ),
        CSCA,
    ),
    "two message digests": (
        "sod_signature",
        Sod(extra=(attribute(MESSAGE_DIGEST, der.octets(bytes(32))),)),
        CSCA,
    ),
    "a cube as RSA signature": ("sod_signature", forged_cube(), CSCA),
    "PSS with another trailer": (
        "sod_signature",
        pss(
            pss_parameters(der.integer(20), der.explicit(3, der.integer(2))),
            digest=hashes.SHA256(),
        ),
        CSCA,
    ),
    "PSS with a salt beyond memory": (
        "sod_signature",
        pss(pss_parameters(der.integer(1 << 70))),
        CSCA,
    ),
    "explicit curve, base point turned": (
        "sod_signature",
        spelt(lambda point: bytes([3 - (point[-1] & 1)]) + point[1:33]),
        CSCA,
    ),
    "signed by the CSCA itself": ("ds_chain", Sod(CSCA), CSCA),
    "signed by a list signer": (
        "ds_chain",
        signed_with(authority_key(CSCA_KEY), purposes("2.23.136.1.1.3")),
        CSCA,
    ),
    "signed by a TLS server": (
        "ds_chain",
        signed_with(authority_key(CSCA_KEY), purposes("1.3.6.1.5.5.7.3.1")),
        CSCA,
    ),
    "signer certified by another signer": (
        "ds_chain",
        Sod(SECOND, certificates=(SIGNER, SECOND)),
        CSCA,
        SIGNER,
    ),
    "signer certified by one that is no authority": (
        "ds_chain",
        Sod(SECOND),
        replace(SIGNER, extensions=(NO_AUTHORITY,)),
        CSCA,
    ),
}


def judged(sod, *trust):
    sources = [source for made in trust for source in parse_file(made.der)]
    found = authenticate_sod(sod.der, assemble(sources), AT)
    return found, {check.id: check for check in found.checks}


@pytest.mark.parametrize("row", GENUINE)
def test_genuine_though_odd(row):
    found, checks = judged(*GENUINE[row])
    for check in ("sod_signature", "ds_chain", "ds_validity", "csca_validity"):
        assert checks[check].result is Result.SUCCESSFUL, checks[check]
    for number, group in GROUPS.items():
        assert found.hash_check(number, group).result is Result.SUCCESSFUL


@pytest.mark.parametrize(
    ("signer", "state", "result"),
    [
        (SIGNER, "UTO", Result.SUCCESSFUL),
        (SIGNER, "FRA", Result.FAILED),
        (SIGNER, "QQQ", Result.UNDETERMINED),
        (NAMELESS, "UTO", Result.UNDETERMINED),
        (NAMELESS, "FRA", Result.FAILED),
    ],
)
def test_a_signer_without_a_country_is_held_against_its_authoritys(signer, state, result):
    assert issuing_state_check(state, judged(Sod(signer), CSCA)[0]).result is result


@pytest.mark.parametrize(
    ("signer", "result"),
    [
        (replace(SIGNER, by=NEXT, extensions=(authority_key(OTHER_KEY),)), Result.UNDETERMINED),
        (replace(SIGNER, by=NEXT, extensions=(authority_key(CSCA_KEY),)), Result.FAILED),
        (replace(SIGNER, by=NEXT, extensions=()), Result.FAILED),
    ],
)
def test_a_key_that_is_not_known_yet_leaves_open_what_no_known_one_denies(signer, result):
    _, checks = judged(Sod(signer), CSCA)
    assert checks["ds_chain"].result is result


@pytest.mark.parametrize("row", FORGED)
def test_forged_however_cleverly(row):
    check, *made = FORGED[row]
    found, checks = judged(*made)
    assert checks[check].result is not Result.SUCCESSFUL
    assert not found.trusted


class RevocationList:
    """Of this authority, revoking the signer."""

    def __init__(self, by):
        revoked = der.sequence(SIGNER.serial, utc("240101000000Z"))
        tbs = der.sequence(
            der.integer(1),
            ECDSA_SHA256,
            by.subject,
            utc("260101000000Z"),
            utc("270101000000Z"),
            der.sequence(revoked),
        )
        self.der = der.sequence(tbs, ECDSA_SHA256, der.bits(sign(by.key, tbs)))


@pytest.mark.parametrize(
    ("by", "anchors", "result"),
    [
        (CSCA, (CSCA,), Result.FAILED),
        (NEXT, (CSCA, NEXT), Result.FAILED),
        (NEXT, (CSCA,), Result.UNDETERMINED),
        (replace(NEXT, subject=name("CSCA", "XX")), (CSCA, NEXT), Result.UNDETERMINED),
        (SIGNER, (CSCA,), Result.UNDETERMINED),
    ],
)
def test_a_revocation_list_counts_by_any_key_of_its_authority(by, anchors, result):
    assert judged(Sod(), *anchors, RevocationList(by))[1]["ds_revocation"].result is result
