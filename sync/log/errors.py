"""Faults and refusals of the record's way from the gate to the central system.

SyncError                      code  diagnosis of one line; never personal data
|-- RecordMalformed        300   a record cannot be encoded, or bytes are not a record
|-- BatchMalformed         301   bytes are not a batch of records
|-- KeyRefused             302   a key file is missing, malformed or readable by others
|-- NoteRefused            303   bytes are not a signed note, or not by the named signers
|-- SealBroken             304   what was encrypted does not open
|-- EvidenceMalformed      305   a file is not evidence of a log
|-- StorageError           310   the database cannot do its work
|   |-- StorageUnavailable 311   it does not exist (yet) or cannot be opened
|   |-- StorageBusy        312   another process is its writer
|   |-- StorageCorrupt     313   it fails its own integrity check
|   |-- StorageForeign     314   it is another kind, gate or newer version of database
|   `-- StorageFailed      315   a read or write failed: disk full, I/O error
|-- ReceiptRefused         320   a receipt does not release anything
|   |-- ReceiptMalformed   321   bytes are not a receipt
|   |-- ReceiptForged      322   the signature is not the central system's
|   |-- ReceiptForeign     323   it is for another gate or another journal
|   |-- ReceiptAhead       324   it names a record that was never written
|   |-- ReceiptConflict    325   the central system holds another record at that place
|   `-- ReceiptBehind      326   the central system lacks what it had confirmed
|-- EnrolmentRefused       330   the gate is enrolled with another key
`-- LinkError              340   the broker cannot be used
    |-- LinkDown           341   not reachable, or the connection broke
    `-- LinkStolen         342   another client uses this client identifier

`firmware_cfg.codes` says what to do about each code.
"""

from __future__ import annotations

from typing import ClassVar

from firmware_cfg.codes import Code
from sync.log.types import Receipt


class SyncError(Exception):
    """Base. `code` is stable, `diagnosis` is one line free of personal data."""

    code: ClassVar[Code] = Code.SYNC_ERROR

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class RecordMalformed(SyncError):
    """A record cannot be encoded, or bytes are not a record."""

    code = Code.RECORD_MALFORMED


class BatchMalformed(SyncError):
    """Bytes are not a batch of records."""

    code = Code.BATCH_MALFORMED


class KeyRefused(SyncError):
    """A key file is missing, malformed or readable by others."""

    code = Code.KEY_REFUSED


class NoteRefused(SyncError):
    """Bytes are not a signed note, or not signed by the expected keys."""

    code = Code.NOTE_REFUSED


class SealBroken(SyncError):
    """What was encrypted does not open with the key at hand."""

    code = Code.SEAL_BROKEN


class EvidenceMalformed(SyncError):
    """A file is not evidence of a log; the text names the line."""

    code = Code.EVIDENCE_MALFORMED


class StorageError(SyncError):
    """The database cannot do its work."""

    code = Code.STORAGE_ERROR


class StorageUnavailable(StorageError):
    """The database does not exist (yet) or cannot be opened."""

    code = Code.STORAGE_UNAVAILABLE


class StorageBusy(StorageError):
    """Another process is the writer of this database."""

    code = Code.STORAGE_BUSY


class StorageCorrupt(StorageError):
    """The database fails its own integrity check."""

    code = Code.STORAGE_CORRUPT


class StorageForeign(StorageError):
    """The database is of another kind, gate, or newer version."""

    code = Code.STORAGE_FOREIGN


class StorageFailed(StorageError):
    """A read or write failed: disk full, I/O error."""

    code = Code.STORAGE_FAILED


class ReceiptRefused(SyncError):
    """A receipt does not release anything."""

    code = Code.RECEIPT_REFUSED


class ReceiptMalformed(ReceiptRefused):
    """Bytes are not a receipt."""

    code = Code.RECEIPT_MALFORMED


class ReceiptForged(ReceiptRefused):
    """The signature is not the central system's."""

    code = Code.RECEIPT_FORGED


class ReceiptForeign(ReceiptRefused):
    """The receipt is for another gate or another journal."""

    code = Code.RECEIPT_FOREIGN


class ReceiptAhead(ReceiptRefused):
    """The receipt names a record that was never written."""

    code = Code.RECEIPT_AHEAD


class ReceiptConflict(ReceiptRefused):
    """The central system holds another record at that place: a fork."""

    code = Code.RECEIPT_CONFLICT


class ReceiptBehind(ReceiptRefused):
    """The central system lacks what it had confirmed: it was set back to an older state."""

    code = Code.RECEIPT_BEHIND

    def __init__(self, receipt: Receipt, confirmed_seq: int) -> None:
        super().__init__(
            f"the central system was set back to record {receipt.seq} of {confirmed_seq}"
        )
        self.receipt = receipt


class EnrolmentRefused(SyncError):
    """The gate is enrolled with another key."""

    code = Code.ENROLMENT_REFUSED


class LinkError(SyncError):
    """The broker cannot be used."""

    code = Code.LINK_ERROR


class LinkDown(LinkError):
    """The broker is not reachable, or the connection broke."""

    code = Code.LINK_DOWN


class LinkStolen(LinkError):
    """Another client uses this client identifier; reconnecting would fight it for ever."""

    code = Code.LINK_STOLEN
