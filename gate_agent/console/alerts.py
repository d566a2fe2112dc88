"""Alarm and reason codes for officers: severity, text, and what to do next. A table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from drivers.types import TRUST_OLD_DAYS


class Severity(StrEnum):
    """How a code is shown: never by colour alone."""

    INFO = "info"  # good to know
    WARNING = "warning"  # needs a look at this traveller or device
    ALARM = "alarm"  # needs an officer now


@dataclass(frozen=True)
class Alert:
    """One row of the table.

    `unjudged` is the text in place of `text` where the check behind a reason was not judged:
    cut short, without the data it needs, or not made at all. It is then never an alarm.
    """

    severity: Severity
    text: str
    todo: str
    unjudged: str = ""


_INSPECT = "Inspect the document at the desk."
_COMPARE = "Compare the traveller with both portraits."
_NOT_OPENED = "The chip was not opened"
_AGAIN = "Ask the traveller to try once more, or serve them at the desk."

_I, _W, _A = Severity.INFO, Severity.WARNING, Severity.ALARM

ALERTS: dict[str, Alert] = {
    # the document
    "mrz_consistency": Alert(
        _W, "Check digits of the MRZ are wrong", _INSPECT, "The printed zone was not judged"
    ),
    "access_control": Alert(_W, "The chip was not opened", _AGAIN),
    "another_card": Alert(
        _W, "Another card than the document answers", "Take other cards out; read it again."
    ),
    "no_access_control": Alert(_W, "The chip can be read without access control", _INSPECT),
    "sod_signature": Alert(
        _A,
        "The signature over the chip's data is not valid",
        _INSPECT,
        "The signature over the chip's data was not checked",
    ),
    "sod_conformance": Alert(
        _W,
        "The security object is not made as ICAO prescribes",
        _INSPECT,
        "The security object is signed, but not made as ICAO prescribes",
    ),
    "ds_chain": Alert(
        _A,
        "The document signer is not trusted",
        _INSPECT,
        "Whether the document signer is trusted is not known",
    ),
    "ds_validity": Alert(
        _W,
        "The document signer's certificate is out of its time",
        _INSPECT,
        "Whether the signer's certificate is in its time is not known",
    ),
    "csca_validity": Alert(
        _W,
        "The CSCA's certificate is out of its time",
        _INSPECT,
        "Whether the CSCA's certificate is in its time is not known",
    ),
    "ds_revocation": Alert(
        _W,
        "Revocation of the document signer is not clear",
        _INSPECT,
        "Whether the document signer is revoked is not known",
    ),
    "dg_hash": Alert(
        _A, "Data on the chip were altered", _INSPECT, "Not all data on the chip were checked"
    ),
    "com_sod": Alert(
        _W,
        "EF.COM and EF.SOD list different data groups",
        _INSPECT,
        "EF.COM and EF.SOD were not compared",
    ),
    "issuing_state": Alert(
        _W,
        "The issuing state differs between chip and signer",
        _INSPECT,
        "The issuing state was not compared with the signer's",
    ),
    "active_authentication": Alert(
        _A,
        "The chip may be a copy (active authentication)",
        _INSPECT,
        "Whether the chip is a copy was not checked (active authentication)",
    ),
    "chip_authentication": Alert(
        _A,
        "The chip may be a copy (chip authentication)",
        _INSPECT,
        "Whether the chip is a copy was not checked (chip authentication)",
    ),
    "stripping": Alert(
        _A,
        "The chip hides a protocol that it must offer",
        _INSPECT,
        "Whether the chip hides a protocol was not checked",
    ),
    "expiry": Alert(_W, "The document has expired", "Examine the traveller's entitlement."),
    "expiry_open": Alert(
        _W, "The date of expiry is not known for certain", "Read it on the document and judge it."
    ),
    "expiry_none": Alert(
        _I, "The document does not expire", "See that its kind is issued without an expiry."
    ),
    "expiry_soon": Alert(
        _W,
        "The document is valid, but for fewer days than this gate asks",
        "Compare its last day with the entry conditions, and judge.",
    ),
    "mrz_dg1": Alert(
        _A, "Printed and stored MRZ differ", _INSPECT, "Printed and stored MRZ were not compared"
    ),
    "face_image": Alert(
        _W,
        "The portrait on the chip is not as it must be",
        _COMPARE,
        "The portrait on the chip was not judged",
    ),
    "defects": Alert(
        _W,
        "The document has known defects",
        _INSPECT,
        "Whether the document has known defects is not known",
    ),
    "other_check": Alert(_W, "A document check failed", _INSPECT, "A document check was not made"),
    "document_timeout": Alert(_W, "Reading the document took too long", _AGAIN),
    "document_removed": Alert(_W, "The document was taken away too early", _AGAIN),
    "document_unreadable": Alert(_W, "The document cannot be read", _INSPECT),
    # the traveller
    "under_age": Alert(_I, "Under age for this lane", "Serve the family together at the desk."),
    "age_open": Alert(
        _I,
        "The printed birth date does not settle whether the traveller is old enough",
        "Look at the birth date and the traveller; a child is served with the family.",
    ),
    "list_hit": Alert(_A, "Hit in a list", "Follow the instructions of the list. Stay discreet."),
    "list_unavailable": Alert(_W, "Lists could not be asked", "Ask the lists at the desk."),
    "list_too_old": Alert(_W, "The lists are too old", "Ask the lists at the desk."),
    "portrait_unusable": Alert(_W, "The chip's portrait cannot be compared", _COMPARE),
    "face_not_acquired": Alert(_W, "No usable live picture was taken", _COMPARE),
    "several_faces": Alert(_W, "More than one face in the picture", "See who is in the lane."),
    "face_quality": Alert(_W, "The live picture is too poor", _COMPARE),
    "face_no_match": Alert(_W, "Live face and chip portrait do not match", _COMPARE),
    "pad_attack": Alert(_A, "Possible presentation attack", "Go to the traveller. Stay discreet."),
    "pad_not_run": Alert(_W, "Presentation attack detection did not run", _COMPARE),
    # the lane
    "walked_away": Alert(_I, "The traveller left the lane", "See that no document stayed behind."),
    "tailgating": Alert(
        _A, "A person followed without admission", "Stop the traveller who followed."
    ),
    "several_persons": Alert(
        _A, "Several persons in the lane", "Lead them to the desk, or one back."
    ),
    "device_failed": Alert(_W, "A device failed", "See the devices below; serve at the desk."),
    "record_failed": Alert(_A, "The journal cannot be written", "Close the lane; call help."),
    "permit_refused": Alert(_W, "Opening was not safe", "See doors and zone; then acknowledge."),
    "passage_timeout": Alert(
        _W, "The passage was not completed", "See whether a traveller is still inside."
    ),
    "lease_lost": Alert(_W, "No officer is watching this lane", "Stay signed in at the console."),
    "restart": Alert(
        _W, "The lane restarted before all was settled", "See who is in the lane; then acknowledge."
    ),
    "fire": Alert(_A, "Fire alarm: the exit is open", "Evacuate. Acknowledge when inspected."),
    "door_forced": Alert(_A, "A door opened that was not released", "Go to the lane now."),
    "unchecked_passage": Alert(
        _A, "A person passed unchecked", "Go to the lane now; a note reopens it."
    ),
    "door_held": Alert(_A, "A door does not shut", "Free the door; then acknowledge."),
    "obstructed": Alert(_W, "Something is in the way of a door", "Free the door."),
    "left_object": Alert(_A, "Something was left in the lane", "Inspect it; then acknowledge."),
    "not_entered": Alert(_I, "The traveller did not come in", "See who is before the entry."),
    "power_lost": Alert(_A, "The doors run without mains", "See who is in the lane."),
    "maintenance": Alert(_W, "The key is in the maintenance switch", "Wait for maintenance."),
    # what a device lacks (`drivers.types.Condition`)
    "clock_untrusted": Alert(
        _W, "The clock is not synchronised: every document is referred", "Call maintenance."
    ),
    "trust_empty": Alert(
        _W, "No CSCA certificate is installed: every document is referred", "Call maintenance."
    ),
    "trust_old": Alert(
        _W,
        f"The newest trust list is older than {TRUST_OLD_DAYS} days",
        "Call maintenance for new ones.",
    ),
    "pad_absent": Alert(
        _W, "Attack detection is not installed", "Watch each face yourself; call maintenance."
    ),
    "settings_drifted": Alert(
        _W, "The turnstile's own settings are not the profile's", "Call maintenance."
    ),
    "mrz_unreadable": Alert(
        _W,
        "The MRZ reader sends bytes, but no lines that can be read",
        "Serve at the desk; call maintenance to check framing and baud rate.",
    ),
    "list_absent": Alert(
        _W, "No list is installed: every traveller is referred", "Ask the lists at the desk."
    ),
}

AWAY = Alert(_A, "The lane does not answer", "See the lane in person; call maintenance.")


def alert(code: str, *, judged: bool = True) -> Alert:
    """The row of a code; a code that is not in the table is shown as it is.

    `judged`: false where the check behind a reason was not judged.
    """
    row = ALERTS.get(code) or (AWAY if code == "away" else None)
    if row is None:
        return Alert(_W, code.replace("_", " "), "Examine the traveller at the desk.")
    if judged or not row.unjudged:
        return row
    return replace(row, severity=_W, text=row.unjudged)
