"""From a traveller in a scenario to the passport in their hand.

Personalisation is a function of the scenario, the issuing country and the portrait's
bytes; nothing else shifts a byte of the chip.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.chip.card import card_of
from sim.chip.forgeries import FORGERIES
from sim.chip.model import Card
from sim.chip.mrz import Holder
from sim.chip.personalise import personalise
from sim.chip.pki import Country
from sim.scenario import Traveller


class Passport(NamedTuple):
    """What the readers meet: the printed lines, and the chip. `name` tells it from others."""

    lines: tuple[str, str]
    card: Card
    name: str


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
    lines = (printed.line1, printed.line2)
    forged = " ".join(document.forgeries)
    return Passport(lines, card_of(genuine), f"{lines[0]} {lines[1]} {forged}")
