"""From a traveller in a scenario to the passport in their hand.

Personalisation is a function of the scenario, the issuing country and the portrait's
bytes; nothing else shifts a byte of the chip.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sim.chip.card import Card, card_of
from sim.chip.forgeries import FORGERIES
from sim.chip.keys import KeySource
from sim.chip.mrz import Holder
from sim.chip.personalise import personalise
from sim.chip.pki import Country, found_country
from sim.scenario import Traveller

SEED_FILE = "issuer.seed"
CSCA_FILE = "csca.der"
SEED_BYTES = 32


class Passport(NamedTuple):
    """What the readers meet: the printed lines, and the chip."""

    lines: tuple[str, str]
    card: Card


def issue_passport(traveller: Traveller, country: Country, portrait_jpeg: bytes) -> Passport:
    """Personalise a traveller's passport and forge it as the scenario says."""
    document = traveller.document
    genuine = personalise(
        Holder(
            surname=traveller.surname,
            given_names=traveller.given_names,
            number=document.number,
            birth_date=document.birth_date,
            sex=document.sex,
            expiry=document.expiry,
            nationality=document.nationality,
        ),
        portrait_jpeg,
        country,
    )
    for name in document.forgeries:
        genuine = FORGERIES[name].apply(genuine)
    printed = genuine.printed
    return Passport((printed.line1, printed.line2), card_of(genuine))


def country_of_seed(seed: bytes, at: datetime.datetime) -> Country:
    """The demo country whose keys come from a seed."""
    return found_country(KeySource.seeded(hashlib.sha256(b"egate demo issuer" + seed).digest()), at)


def found_issuer(folder: Path, random: Callable[[int], bytes], at: datetime.datetime) -> Path:
    """Found a demo country for one run of the demo; give the path of its CSCA certificate.

    The folder holds the seed of its keys (readable by the owner alone), the day it was
    founded, and the certificate that readers are to trust.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = at.replace(microsecond=0)
    seed = random(SEED_BYTES)
    seed_path = folder / SEED_FILE
    seed_path.touch(mode=0o600)
    seed_path.write_bytes(seed + at.isoformat().encode())
    certificate = folder / CSCA_FILE
    certificate.write_bytes(country_of_seed(seed, at).csca.certificate.der)
    return certificate


def open_issuer(folder: Path) -> Country:
    """The country that `found_issuer` founded in this folder."""
    data = (folder / SEED_FILE).read_bytes()
    at = datetime.datetime.fromisoformat(data[SEED_BYTES:].decode())
    return country_of_seed(data[:SEED_BYTES], at)
