"""From a traveller in a scenario to the passport in their hand.

Personalisation is a function of the scenario, the issuing country and the portrait's
bytes; nothing else shifts a byte of the chip.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.chip.card import card_of
from sim.chip.data_groups import birth_details
from sim.chip.forgeries import FORGERIES
from sim.chip.key_derivation import CipherSuite
from sim.chip.model import Card, Features
from sim.chip.mrz import Holder
from sim.chip.other_card import OtherCard
from sim.chip.pace import PaceProfile
from sim.chip.personalise import Layout, Personalisation, personalise
from sim.chip.pki import Country
from sim.scenario.traveller import Document, Traveller

PACE = PaceProfile(CipherSuite.AES_128, 13)
"""Generic mapping on brainpoolP256r1 (BSI TR-03110-3, A.2.1.1), as most passports have it."""

SECOND_NUMBER = "X0000002"
"""Of the other passport of a person who has two."""


BESIDE = {
    "bank_card": OtherCard(),
    "phone": OtherCard(status=0x6D00, uid=bytes.fromhex("08A1B2C3")),
    "transport_card": OtherCard(iso_dep=False),
}
"""Cards that lie in a passport's cover."""


class Passport(NamedTuple):
    """What the readers meet: the printed lines, and the chip. `name` is its own."""

    lines: tuple[str, str]
    card: Card
    name: str
    beside: tuple[OtherCard, ...] = ()


def issue_passport(traveller: Traveller, country: Country, portrait_jpeg: bytes) -> Passport:
    """Personalise a traveller's passport and forge it as the scenario says.

    A traveller with two passports shows the lines of one and holds the other to the chip reader.
    """
    document = traveller.document
    genuine = _genuine(traveller, document.number, country, portrait_jpeg)
    for name in document.forgeries:
        genuine = FORGERIES[name].apply(genuine)
    printed = genuine.printed
    if traveller.behaviour == "two_passports":
        printed = _genuine(traveller, SECOND_NUMBER, country, portrait_jpeg).printed
    lines = (printed.line1, printed.line2)
    differs = " ".join((document.full_birth_date, *document.forgeries))
    own = f"{lines[0]} {lines[1]} {differs}"
    if document.beside == "none":
        return Passport(lines, card_of(genuine), own)
    beside = BESIDE[document.beside]
    return Passport(lines, card_of(genuine), f"{own} {document.beside}", (beside,))


def _genuine(
    traveller: Traveller, number: str, country: Country, portrait_jpeg: bytes
) -> Personalisation:
    document = traveller.document
    return personalise(
        Holder(
            surname=traveller.surname,
            given_names=traveller.given_names,
            number=number,
            birth_date=document.birth_date,
            sex=document.sex,
            expiry=document.expiry,
            nationality=document.nationality,
            birth_text=document.birth_text,
            expiry_text=document.expiry_text,
        ),
        portrait_jpeg,
        country,
        features=Features(pace=(PACE,)) if document.access == "pace" else None,
        layout=Layout(groups=_details(document)),
    )


def _details(document: Document) -> dict[int, bytes]:
    if document.full_birth_date == "absent":
        return {}
    bcd = document.full_birth_date == "bcd"
    return {11: birth_details(document.birth_date, bcd=bcd)}
