"""The people of a scenario file: who they are, what they carry, how they behave.

Names are invented. Every field has its bounds and its unit.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from msgspec import Meta

from sim.scenario.parts import LaneNumber, Millis, Part, Seconds

Score = Annotated[float, Meta(ge=-1.0, le=1.0)]
Handle = Annotated[str, Meta(pattern=r"^[a-z][0-9]$")]
Name = Annotated[str, Meta(max_length=39, pattern=r"^[A-Za-z]+( [A-Za-z]+)*$")]
State = Annotated[str, Meta(pattern=r"^[A-Z]{1,3}$")]
DateText = Annotated[str, Meta(pattern=r"^([0-9<]{6})?$")]
Number = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,9}$")]

Forgery = Literal[
    "altered_dg1",
    "altered_dg2",
    "hidden_dg2",
    "garbled_portrait",
    "com_sod_mismatch",
    "com_lists_less",
    "hidden_dg1",
    "swapped_dg1",
    "huge_portrait",
    "truncated_sod",
    "hidden_sod",
    "altered_attributes",
    "reordered_issuer",
    "broken_sod_signature",
    "altered_sod_hash",
    "stolen_certificate",
    "swapped_sod",
    "unknown_csca",
    "same_key_identifier",
    "signer_as_authority",
    "self_signed_ds",
    "revoked_ds",
    "expired_csca",
    "foreign_signer",
    "expired_ds",
    "future_ds",
    "wrong_issuing_state",
    "expired_document",
    "printed_other_name",
    "printed_other_number",
    "printed_other_birth_date",
    "printed_other_expiry",
    "printed_other_nationality",
    "printed_other_sex",
    "printed_bad_check_digit",
]
Behaviour = Literal[
    "normal",
    "slow",
    "wheelchair",
    "child",
    "tailgated",
    "turns_back",
    "walks_away",
    "pulls_passport_away",
    "leaves_bag",
    "holds_door",
    "two_passports",
    "badly_placed",
]
Outcome = Literal["admitted", "accepted", "refused", "referred", "abandoned", "none"]
"""`none`: there was no crossing at all."""


class Document(Part, frozen=True, kw_only=True):
    """The passport: what is printed, and what is in its chip.

    `forgeries` are names of `sim.chip.forgeries`, applied in order: `unknown_csca` is a chip
    that no trusted country signed, `printed_other_number` a wrong MRZ, to which the chip
    refuses access. `portrait` is a handle of `sim.devices.photos`. `access` is what the chip
    offers: PACE (and BAC, for readers that know no better), or as an older document BAC alone.
    `beside` is another card in the cover, which answers before the passport does.
    `birth_text` and `expiry_text` are printed in place of the dates: fillers or zeros where the
    issuer does not know them, fillers alone in a document that does not expire.
    `full_birth_date` is how EF.DG11 has the date of birth with its century.
    """

    number: Number
    nationality: State = "UTO"
    sex: Literal["F", "M", "X"] = "X"
    birth_date: datetime.date
    expiry: datetime.date
    forgeries: Annotated[tuple[Forgery, ...], Meta(max_length=4)] = ()
    portrait: Handle = "a1"
    access: Literal["pace", "bac"] = "pace"
    beside: Literal["none", "bank_card", "phone", "transport_card"] = "none"
    birth_text: DateText = ""
    expiry_text: DateText = ""
    full_birth_date: Literal["text", "bcd", "absent"] = "text"


class Face(Part, frozen=True, kw_only=True):
    """Who stands before the camera, and what vision says of it on the virtual clock.

    In real time the pictures decide: `same` is the holder (another picture where there is
    one), `other` another person, `print` a photograph held before the camera, `replay` one on
    a screen. `score` and the rest are vision's outputs on the virtual clock; None takes what
    `live` suggests. On the virtual clock the last two are found out as by a presentation
    attack detector.
    """

    live: Literal["same", "other", "print", "replay"] = "same"
    score: Score | None = None
    settle_frames: Annotated[int, Meta(ge=0, le=200)] = 2
    """frames before the picture is good enough to compare"""
    faces: Annotated[int, Meta(ge=0, le=10)] = 1
    height_cm: Annotated[int, Meta(ge=60, le=220)] = 160
    """of the face above the floor; matters at a lane with a camera column"""


class Officer(Part, frozen=True, kw_only=True):
    """What the officer at the console does when this traveller is referred."""

    action: Literal["accept", "reject", "release", "ignore"] = "reject"
    after_ms: Millis = 3_000
    reason: Annotated[str, Meta(min_length=1, max_length=64)] = "identity"


def action_on(action: str, reasons: tuple[str, ...]) -> str:
    """What an officer does about these reasons: several persons are let back, not refused."""
    return "release" if action == "reject" and "several_persons" in reasons else action


class Expectation(Part, frozen=True, kw_only=True):
    """How the crossing must end.

    Every reason given must be on record. Where none is given, none may be.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()


class Traveller(Part, frozen=True, kw_only=True):
    """One person. Without `at_s` they come when the person before has left the lane.

    Without `lane` they join the queue for all lanes. `behaviour`: `slow` and `wheelchair`
    take their time; a `child` comes in with its parent; another person follows one who is
    `tailgated`; `leaves_bag` passes and leaves a thing behind; `holds_door` stands in the
    way out; `two_passports` lays down one and holds another to the chip reader;
    `badly_placed` lays the passport so that nothing can be read, and then again.
    """

    name: Name
    printed: Name | None = None
    """the name in the passport, where it is not the traveller's own"""
    lane: LaneNumber | None = None
    at_s: Seconds | None = None
    walk_in_ms: Millis = 2_000
    behaviour: Behaviour = "normal"
    leaves_after_ms: Millis = 1_500
    """how long the passport stays in place, for those who take it away too early"""
    document: Document
    face: Face = Face()
    officer: Officer = Officer()
    expect: Expectation | None = None

    @property
    def printed_name(self) -> str:
        """The name in the passport."""
        return self.printed or self.name

    @property
    def surname(self) -> str:
        """The last word of the name in the passport, in the MRZ's alphabet."""
        return self.printed_name.upper().split()[-1]

    @property
    def given_names(self) -> str:
        """The other words of the name in the passport, in the MRZ's alphabet."""
        return " ".join(self.printed_name.upper().split()[:-1])
