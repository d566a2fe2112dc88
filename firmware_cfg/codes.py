"""Every stable code of a fault: number, where it comes from, what it means, what to do.

The numbers are on record and on the console, so none is changed or used again. Classes of
faults take their numbers from here; `egate codes` and docs/runbook.md print this table.

    100-199  devices, workers and the agent itself
    200-299  vision: models and pictures
    300-399  the record: journal, keys, receipts, broker
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import NamedTuple


@unique
class Code(IntEnum):
    """One row a code; its name in lower case is what `egate codes` prints.

    Attributes:
        source: the part of the system that reports it.
        meaning: what is wrong, in one sentence.
        action: what a person does about it.
    """

    source: str
    meaning: str
    action: str

    def __new__(cls, number: int, source: str, meaning: str, action: str) -> Code:
        """Make an integer that carries its row."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.source, member.meaning, member.action = source, meaning, action
        return member

    # devices (`drivers.errors`)
    PORT_LOST = (
        100,
        "device",
        "The port of a device went away or cannot be opened.",
        "Check cable and power, and that the profile names the right port; it is tried again.",
    )
    NO_ANSWER = (
        101,
        "device",
        "A device does not answer within its time.",
        "Check its power, its line and its address in the profile; then restart the device.",
    )
    PROTOCOL_VIOLATION = (
        102,
        "device",
        "A device answers with what its protocol does not allow.",
        "Check baud rate, parity and kind in the profile, and the line for disturbance.",
    )
    WRONG_IDENTITY = (
        103,
        "device",
        "Another device answers than the profile names.",
        "Compare type and firmware with the profile; correct whichever is wrong and restart.",
    )
    DEVICE_REFUSED = (
        104,
        "device",
        "A device answers that it cannot do what it was asked.",
        "Read the diagnosis; look for a fault shown on the device itself, and restart it.",
    )
    PCSC_MISSING = (
        105,
        "device",
        "Something that a PC/SC reader needs is not installed or does not run.",
        "Install `egate[pcsc]` and pcscd, and start the daemon.",
    )
    CREDENTIALS_REFUSED = (
        106,
        "device",
        "A network camera asks for a name and password, or does not take those it was given.",
        "Put NAME:PASSWORD into the file of `camera.credentials`, mode 0400; restart vision.",
    )
    # worker processes (`gate_agent.workers`)
    WORKER_LOST = (
        110,
        "worker",
        "A worker process went away.",
        "It is restarted by the service manager; if that repeats, read the worker's log.",
    )
    WORKER_VIOLATION = (
        111,
        "worker",
        "A worker process broke the protocol, or too many commands wait for it.",
        "Check that agent and workers are of one version; read the worker's log.",
    )
    WORKER_SILENT = (
        112,
        "worker",
        "A worker process is there and sends nothing: it is stopped or hangs.",
        "It is dropped and must connect again; if it stays silent, restart its service.",
    )
    # the agent
    JOURNAL_NOT_DURABLE = (
        120,
        "agent",
        "A record could not be made durable: the lane is closed to automatic use.",
        "Check the journal's disk (space, errors); `egate journal verify` checks the journal.",
    )
    COMMANDS_FULL = (
        121,
        "agent",
        "The turnstile does not follow its commands: too many wait.",
        "Check the turnstile's line and power; see its own fault in the console.",
    )
    PAYLOAD_REFUSED = (
        122,
        "agent",
        "The vault refused what a worker sent: too large, too many, or sent twice.",
        "Serve the traveller at the desk; keep the document's kind for a report of the fault.",
    )
    JOURNAL_DISK_LOW = (
        123,
        "agent",
        "The journal's disk is full, or has no room for the journal's reserve.",
        "Free space on the journal's disk; the lane opens again by itself.",
    )
    INBOX_FULL = (
        124,
        "agent",
        "More events came than the agent could take, and one was dropped.",
        "Look for a device that floods its line, and at the load of the machine.",
    )
    DRIVER_FAULT = (
        199,
        "device",
        "A fault of a device that has no code of its own.",
        "Read the diagnosis beside it.",
    )
    # vision (`biometrics.errors`)
    WEIGHTS_MALFORMED = (
        210,
        "vision",
        "A dlib weights file cannot be parsed.",
        "Install the weights again; `egate models prepare` converts and checks them.",
    )
    MODEL_REFUSED = (
        211,
        "vision",
        "A model's hash, contract or content is not what the manifest says.",
        "Run `egate models verify`, and install the model it names again.",
    )
    MODEL_MISSING = (
        212,
        "vision",
        "The profile asks for a tier of models that is not installed.",
        "Run `egate models list`, and install the tier or choose another in the profile.",
    )
    UNCALIBRATED = (
        213,
        "vision",
        "No threshold is calibrated for the false match rate of the profile.",
        "Choose a calibrated rate in the profile, or calibrate: `egate face calibrate`.",
    )
    IMAGE_REFUSED = (
        220,
        "vision",
        "A picture cannot be decoded, or is larger than allowed.",
        "Check the camera's format and resolution; a file: check that it is a JPEG or JPEG 2000.",
    )
    PORTRAIT_MALFORMED = (
        221,
        "vision",
        "DG2 of a document is not a face record that can be read.",
        "Inspect the document at the desk and compare the printed portrait.",
    )
    BIOMETRIC_FAULT = (
        299,
        "vision",
        "A fault of vision that has no code of its own.",
        "Read the diagnosis beside it.",
    )
    # the record (`sync.log.errors`)
    RECORD_MALFORMED = (
        300,
        "record",
        "A record cannot be encoded, or stored bytes are not a record.",
        "Run `egate journal verify` or `egate centre audit`: it names gate and place.",
    )
    BATCH_MALFORMED = (
        301,
        "record",
        "A message is not a batch of records.",
        "See the quarantine (`egate centre show`); check that both sides are of one version.",
    )
    KEY_REFUSED = (
        302,
        "record",
        "A key file is missing, malformed, or readable by others.",
        "Correct its path, its owner or its mode (0600); keys are never repaired, only replaced.",
    )
    NOTE_REFUSED = (
        303,
        "record",
        "A text is not a signed note, or not signed by the expected keys.",
        "Compare the public keys of gate and centre with those that were enrolled.",
    )
    SEAL_BROKEN = (
        304,
        "record",
        "Something encrypted cannot be opened with this key.",
        "Check that it is the key of this gate or centre, and that it was not replaced.",
    )
    EVIDENCE_MALFORMED = (
        305,
        "record",
        "A file is not evidence of a log; the diagnosis names the line.",
        "Export it again; if it came from elsewhere, ask for an unchanged copy.",
    )
    STORAGE_ERROR = (
        310,
        "record",
        "A database cannot do its work.",
        "Read the diagnosis; check the disk, or the PostgreSQL server.",
    )
    STORAGE_UNAVAILABLE = (
        311,
        "record",
        "A database does not exist yet, or cannot be opened.",
        "Check path, owner and mode, or that the PostgreSQL server runs.",
    )
    STORAGE_BUSY = (
        312,
        "record",
        "Another process is the writer of this database.",
        "Find the second agent or collector, and stop one of the two.",
    )
    STORAGE_CORRUPT = (
        313,
        "record",
        "A database fails its own integrity check.",
        "Keep the file as it is; restore a backup (`egate journal restore`) beside it.",
    )
    STORAGE_FOREIGN = (
        314,
        "record",
        "A database is of another kind, another gate, or a newer version.",
        "Check the path and the gate's name; install the version that wrote it.",
    )
    STORAGE_FAILED = (
        315,
        "record",
        "A read or write of a database failed: the disk is full or broken.",
        "Free space; check the disk's health; then restart the process.",
    )
    RECEIPT_REFUSED = (
        320,
        "record",
        "A receipt was refused: it releases no records.",
        "Read the diagnosis; records stay with the gate until a good receipt comes.",
    )
    RECEIPT_MALFORMED = (
        321,
        "record",
        "A message on the receipts' topic is not a receipt.",
        "Check who may publish on this topic at the broker.",
    )
    RECEIPT_FORGED = (
        322,
        "record",
        "A receipt is not signed by the central system.",
        "Compare centre.pub of the gate with the centre's; check the broker's rights.",
    )
    RECEIPT_FOREIGN = (
        323,
        "record",
        "A receipt is for another gate or another journal.",
        "Look for two gates of one name, or a journal that was replaced.",
    )
    RECEIPT_AHEAD = (
        324,
        "record",
        "A receipt names a record that this journal never wrote.",
        "Look for a journal restored from a backup, or a copied gate; audit both sides.",
    )
    RECEIPT_CONFLICT = (
        325,
        "record",
        "The central system holds another record at the same place: the log has a fork.",
        "Stop the gate; export both sides and audit them (`egate audit`).",
    )
    RECEIPT_BEHIND = (
        326,
        "record",
        "The central system lacks records that it had confirmed: it was set back.",
        "None, if a backup was restored: the gate sends them again. Else find out why.",
    )
    ENROLMENT_REFUSED = (
        330,
        "record",
        "The gate is enrolled with another key, or its token does not hold.",
        "Issue a new token (`egate centre enrol`), and enrol the gate again.",
    )
    LINK_ERROR = (
        340,
        "record",
        "The broker cannot be used.",
        "Read the diagnosis; check address, certificates and rights.",
    )
    LINK_DOWN = (
        341,
        "record",
        "The broker cannot be reached, or the connection ended.",
        "Check network, broker and certificates; the connection is tried again.",
    )
    LINK_STOLEN = (
        342,
        "record",
        "Another client uses this gate's client identifier.",
        "Find the second process or the copied gate, and stop one of the two.",
    )
    SYNC_ERROR = (
        399,
        "record",
        "A fault of the record's way that has no code of its own.",
        "Read the diagnosis beside it.",
    )


class Moved(NamedTuple):
    """A number under which older records hold a fault that has another one now."""

    device: str
    number: int
    code: Code


MOVED = (
    Moved("vision", 300, Code.WEIGHTS_MALFORMED),
    Moved("vision", 301, Code.MODEL_REFUSED),
    Moved("vision", 302, Code.MODEL_MISSING),
    Moved("vision", 303, Code.UNCALIBRATED),
    Moved("vision", 310, Code.IMAGE_REFUSED),
    Moved("vision", 311, Code.PORTRAIT_MALFORMED),
    Moved("vision", 399, Code.BIOMETRIC_FAULT),
    Moved("inbox", 300, Code.INBOX_FULL),
)
"""Before 0.1.0 these numbers meant two things; the record's device distinguishes them."""
