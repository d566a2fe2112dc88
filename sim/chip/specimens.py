"""Specimen documents: genuine ones, each with the results a right reader reports of it.

All are issued by Utopia, the specimen state of Doc 9303, from seeds: the same bytes on every
machine, keys included (a JPEG 2000 as far as its encoder is the same). Each signature
algorithm has a CSCA of its own. The results hold with the anchors and revocation lists of
`trust_files`, the printed MRZ, and no defect list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache

from sim.chip.active_authentication import ActiveEcdsa, ActiveKey, ActiveRsa
from sim.chip.curves import NAMES
from sim.chip.data_groups import (
    displayed_portrait,
    displayed_signature,
    document_details,
    fingerprints,
    optional_details,
    person_to_notify,
    personal_details,
)
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import Algorithm, KeySource, seeded_random
from sim.chip.model import EF_CARD_ACCESS, EF_CARD_SECURITY, Features
from sim.chip.mrz import Holder, td1, td2
from sim.chip.pace import PaceProfile
from sim.chip.personalise import Layout, Personalisation, personalise
from sim.chip.pki import Country, found_country
from sim.chip.portrait import drawn_portrait, tagged_data_group_2
from sim.chip.rogue_issuers import expired_country, revoked_signer
from sim.chip.rsa import RsaNumbers, generate
from sim.chip.specimen_features import (
    CAN,
    agreement_key,
    other_mappings,
    with_agreement,
    with_pace,
)

ISSUED = datetime(2024, 1, 15, 9, 30, tzinfo=UTC)
"""Every specimen's day of issue; documents are valid for ten years from it."""

_HOLDER = Holder(
    surname="SPECIMEN",
    given_names="EVA MARIA",
    number="X00000000",
    birth_date=date(1984, 2, 29),
    sex="F",
    expiry=date(2034, 1, 14),
)
_SUCCESSFUL = (
    "mrz_consistency",
    "access_control",
    "sod_signature",
    "sod_conformance",
    "ds_chain",
    "ds_validity",
    "csca_validity",
    "ds_revocation",
    "com_sod",
    "issuing_state",
    "expiry",
    "mrz_dg1",
    "face_image",
)


@dataclass(frozen=True)
class Specimen:
    """One genuine document by name; its features are made when they are first needed."""

    name: str
    algorithm: Algorithm = Algorithm.ECDSA_P256
    hash_name: str = "sha256"
    features: Callable[[], Features] = Features
    lds_version: str = "0107"
    layout: Callable[[], Layout] = Layout
    portrait: Callable[[], bytes] = drawn_portrait
    number: str = ""

    @property
    def country(self) -> Country:
        """The state with the specimen's algorithm: its CSCA and document signer."""
        return _country(self.algorithm, self.hash_name)

    def personalisation(self) -> Personalisation:
        """The document itself, the same at every call."""
        return _personalised(self.name)

    def record(self) -> dict[str, object]:
        """What `egate chip specimens --json` prints of it."""
        made = self.personalisation()
        pace = list(dict.fromkeys(f"pace-{one.mapping}" for one in made.features.pace))
        return {
            "name": self.name,
            "mrz": made.printed.printed,
            "can": made.features.can or None,
            "access": pace + (["bac"] if made.features.bac else []),
            "expect": expected(made),
        }


def expected(made: Personalisation) -> dict[str, str]:
    """The results of a genuine document by check."""
    features = made.features
    groups = sorted(fid & 0xFF for fid in made.files if fid & 0xFF <= 16)
    results = dict.fromkeys(_SUCCESSFUL, "successful")
    results |= {f"dg_hash.DG{number}": "successful" for number in groups}
    # Fingerprints and irises are for terminals with a certificate of the issuing state.
    results |= {f"dg_hash.DG{number}": "undetermined" for number in {3, 4} & set(groups)}
    offered = {
        "active_authentication": features.active is not None,
        "chip_authentication": bool(features.agreement),
        "stripping": bool({14, 15} & set(groups)),
    }
    results |= {name: "successful" if is_ else "not_supported" for name, is_ in offered.items()}
    return results | {"defects": "undetermined"}


@cache
def _country(algorithm: Algorithm, hash_name: str) -> Country:
    keys = KeySource.seeded(f"specimen {algorithm} {hash_name}".encode())
    return found_country(keys, ISSUED, algorithm=algorithm, hash_name=hash_name)


@cache
def _personalised(name: str) -> Personalisation:
    specimen = SPECIMENS[name]
    digest = hashlib.sha256(name.encode()).digest()
    number = specimen.number or f"X{int.from_bytes(digest[:8], 'big') % 10**8:08d}"
    return personalise(
        replace(_HOLDER, number=number),
        specimen.portrait(),
        specimen.country,
        hash_name=specimen.hash_name,
        features=specimen.features(),
        lds_version=specimen.lds_version,
        layout=specimen.layout(),
    )


# --- what chips can do ------------------------------------------------------------------


def _active(make: Callable[[], ActiveKey]) -> Callable[[], Features]:
    return lambda: Features(active=make())


def _rsa(bits: int, hash_name: str, *, least: bool = False) -> Callable[[], ActiveKey]:
    def make() -> ActiveKey:
        random = seeded_random(f"active {bits} {hash_name}".encode())
        return ActiveRsa(RsaNumbers.of(generate(random, bits)), hash_name, least=least)

    return make


def _ecdsa(
    algorithm: Algorithm, hash_name: str = "sha256", *, in_der: bool = False
) -> Callable[[], ActiveKey]:
    def make() -> ActiveKey:
        keys = KeySource.seeded(f"active {algorithm}".encode())
        return ActiveEcdsa(keys.key(algorithm, hash_name), in_der=in_der)

    return make


_AES = PaceProfile(CipherSuite.AES_128, 13)


def _everything() -> Features:
    return Features(
        pace=(_AES,),
        can=CAN,
        active=_ecdsa(Algorithm.ECDSA_BRAINPOOL_EXPLICIT)(),
        agreement=(agreement_key(13, CipherSuite.AES_128),),
    )


def _signature_specimens() -> list[Specimen]:
    """Each signature algorithm and each hash, with BAC alone."""
    strong = {
        Algorithm.ECDSA_P384: "sha384",
        Algorithm.ECDSA_P521: "sha512",
        Algorithm.ECDSA_BRAINPOOL_224_EXPLICIT: "sha224",
        Algorithm.ECDSA_BRAINPOOL_384_EXPLICIT: "sha384",
        Algorithm.ECDSA_BRAINPOOL_512_EXPLICIT: "sha512",
    }
    others = [
        Specimen("bac_rsa_2048_pkcs1_sha1", Algorithm.RSA_PKCS1, "sha1"),
        Specimen("bac_rsa_2048_pkcs1_sha512", Algorithm.RSA_PKCS1, "sha512"),
        Specimen("bac_rsa_2048_pss_sha512", Algorithm.RSA_PSS, "sha512"),
        Specimen("bac_ecdsa_p256_sha1", Algorithm.ECDSA_P256, "sha1"),
        Specimen("bac_ecdsa_p256_sha224", Algorithm.ECDSA_P256, "sha224"),
        Specimen("bac_lds_1_8", lds_version="0108"),
    ]
    return [Specimen(f"bac_{a}", a, strong.get(a, "sha256")) for a in Algorithm] + others


def _access_specimens() -> list[Specimen]:
    """PACE on each standardised curve, the cipher suites in turn, and with each suite."""
    suites = list(CipherSuite)
    made = [
        Specimen(
            f"pace_{suites[i % 4]}_{curve}",
            features=with_pace(PaceProfile(suites[i % 4], number)),
        )
        for i, (number, curve) in enumerate(NAMES.items())
    ]
    made += [
        Specimen(f"pace_{suite}_{NAMES[13]}", features=with_pace(PaceProfile(suite, 13)))
        for suite in suites
        if suite is not suites[list(NAMES).index(13) % 4]
    ]
    several = (PaceProfile(CipherSuite.AES_256, 12), PaceProfile(CipherSuite.AES_256, 16), _AES)
    made += [
        Specimen("pace_only", features=with_pace(_AES, bac=False)),
        Specimen("pace_several", features=with_pace(*several)),
    ]
    return made


def _authenticity_specimens() -> list[Specimen]:
    """Active and chip authentication in their variants."""
    two = (
        agreement_key(12, CipherSuite.AES_128, key_id=1),
        agreement_key(13, CipherSuite.AES_256, key_id=2),
    )
    aes, triple = CipherSuite.AES_128, CipherSuite.TRIPLE_DES
    named = Algorithm.ECDSA_P256
    features = {
        "aa_rsa_1024_sha1": _active(_rsa(1024, "sha1")),
        "aa_rsa_1280_sha224": _active(_rsa(1280, "sha224")),
        "aa_rsa_2048_sha256": _active(_rsa(2048, "sha256")),
        "aa_rsa_2048_sha512": _active(_rsa(2048, "sha512")),
        "aa_rsa_1536_sha384_least": _active(_rsa(1536, "sha384", least=True)),
        "aa_ecdsa_plain": _active(_ecdsa(named)),
        "aa_ecdsa_der": _active(_ecdsa(named, in_der=True)),
        "aa_ecdsa_explicit": _active(_ecdsa(Algorithm.ECDSA_BRAINPOOL_EXPLICIT)),
        "aa_ecdsa_p384": _active(_ecdsa(Algorithm.ECDSA_P384, "sha384")),
        "ca_3des": with_agreement(agreement_key(12, triple)),
        "ca_aes128": with_agreement(agreement_key(13, aes)),
        "ca_aes192": with_agreement(agreement_key(15, CipherSuite.AES_192)),
        "ca_aes256": with_agreement(agreement_key(17, CipherSuite.AES_256)),
        "ca_3des_and_aes": with_agreement(agreement_key(13, triple, aes)),
        "ca_standardised": with_agreement(agreement_key(14, aes, standardised=True)),
        "ca_two_keys": with_agreement(*two),
        "pace_ca": with_agreement(agreement_key(13, aes), pace=(_AES,)),
        "pace_aa_ca": _everything,
    }
    return [Specimen(name, features=made) for name, made in features.items()]


def _jpeg_2000() -> bytes:
    from sim.devices.camera import jpeg_2000

    return jpeg_2000(drawn_portrait())


def _every_group() -> Layout:
    picture = drawn_portrait(6_500)
    return Layout(
        groups={
            5: displayed_portrait(picture),
            7: displayed_signature(picture),
            11: personal_details("SPECIMEN<<EVA<MARIA", "UTOPIA CITY", "1 HARBOUR ROAD"),
            12: document_details("PASSPORT OFFICE OF UTOPIA", "20240115"),
            13: optional_details(b"\x04\x10" + bytes(range(16))),
            16: person_to_notify("20240115", "SPECIMEN<<ADAM", "+00 0000 000000"),
        }
    )


def _layout_specimens() -> list[Specimen]:
    """Other sizes of document, records and codings of the portrait, further data groups."""
    return [
        Specimen("td1_pace_aa_ca", layout=lambda: Layout(zone=td1), features=_everything),
        Specimen("td1_bac", layout=lambda: Layout(zone=td1)),
        Specimen("td1_long_number", layout=lambda: Layout(zone=td1), number="X12345678901"),
        Specimen("td2_bac", layout=lambda: Layout(zone=td2)),
        Specimen("td2_pace", layout=lambda: Layout(zone=td2), features=with_pace(_AES)),
        Specimen("dg2_jpeg2000", portrait=_jpeg_2000),
        Specimen("dg2_39794", layout=lambda: Layout(portrait=tagged_data_group_2)),
        Specimen(
            "dg2_39794_jpeg2000",
            layout=lambda: Layout(portrait=tagged_data_group_2),
            portrait=_jpeg_2000,
        ),
        Specimen("all_groups", layout=_every_group, lds_version="0108"),
        Specimen("all_groups_pace_aa_ca", layout=_every_group, features=_everything),
        Specimen("fingerprints", layout=lambda: Layout(groups={3: fingerprints()})),
        Specimen("dg2_large", portrait=lambda: drawn_portrait(60_000), features=with_pace(_AES)),
    ]


SPECIMENS: Mapping[str, Specimen] = {
    specimen.name: specimen
    for specimen in (
        *_signature_specimens(),
        *_access_specimens(),
        *(Specimen(name, features=made) for name, made in other_mappings().items()),
        *_authenticity_specimens(),
        *_layout_specimens(),
    )
}
"""Every specimen by name."""


def trust_files() -> dict[str, bytes]:
    """CSCA certificates and their revocation lists, in DER, by file name.

    Each list names one document signer, that of the forgery `revoked_ds`; the expired CSCA is
    that of `expired_csca`.
    """
    files: dict[str, bytes] = {}
    for specimen in SPECIMENS.values():
        stem = f"csca_{specimen.algorithm}_{specimen.hash_name}"
        if f"{stem}.der" not in files:
            country = specimen.country
            files[f"{stem}.der"] = country.csca.certificate.der
            revoked = revoked_signer(country).signer.certificate.serial
            files[f"{stem}.crl"] = country.revocation_list([revoked])
    old = expired_country(SPECIMENS["bac_ecdsa_p256"].country)
    files["csca_expired.der"] = old.csca.certificate.der
    return files


def named_files(made: Personalisation) -> dict[str, bytes]:
    """A document's files by the names that inspections of files use."""
    names = {0x011E: "COM", 0x011D: "SOD"}
    named = {names.get(fid, f"DG{fid & 0xFF}"): content for fid, content in made.files.items()}
    named |= {_MASTER_FILES[fid]: content for fid, content in made.master_files.items()}
    return {f"{name}.bin": content for name, content in named.items()}


_MASTER_FILES = {EF_CARD_ACCESS: "CARDACCESS", EF_CARD_SECURITY: "CARDSECURITY"}
