"""What the machine decided and why it did not admit, as stable codes.

The order of the members is the order in which reasons are reported: the document, the
lists, the face, the circumstances.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What the machine decided. It never refuses: a referral goes to an officer."""

    ADMIT = "admit"
    REFER = "refer"


class Reason(StrEnum):
    """A code of the record and of the console; never renamed, never reused."""

    # one per document check (`drivers.types.CHECK_IDS`)
    MRZ_CONSISTENCY = "mrz_consistency"
    ACCESS_CONTROL = "access_control"
    ANOTHER_CARD = "another_card"  # of the same check: not the document's chip, or one without it
    NO_ACCESS_CONTROL = "no_access_control"
    SOD_SIGNATURE = "sod_signature"
    SOD_CONFORMANCE = "sod_conformance"
    DS_CHAIN = "ds_chain"
    DS_VALIDITY = "ds_validity"
    CSCA_VALIDITY = "csca_validity"
    DS_REVOCATION = "ds_revocation"
    DG_HASH = "dg_hash"
    COM_SOD = "com_sod"
    ISSUING_STATE = "issuing_state"
    ACTIVE_AUTHENTICATION = "active_authentication"
    CHIP_AUTHENTICATION = "chip_authentication"
    STRIPPING = "stripping"
    EXPIRY = "expiry"
    EXPIRY_OPEN = "expiry_open"  # of the same check: not certain, or without an end
    EXPIRY_NONE = "expiry_none"
    MRZ_DG1 = "mrz_dg1"
    FACE_IMAGE = "face_image"
    DEFECTS = "defects"
    OTHER_CHECK = "other_check"
    DOCUMENT_TIMEOUT = "document_timeout"
    DOCUMENT_REMOVED = "document_removed"
    DOCUMENT_UNREADABLE = "document_unreadable"
    UNDER_AGE = "under_age"
    AGE_OPEN = "age_open"
    EXPIRY_SOON = "expiry_soon"  # valid, for fewer days than the gate asks
    LIST_HIT = "list_hit"
    LIST_UNAVAILABLE = "list_unavailable"
    LIST_TOO_OLD = "list_too_old"
    PORTRAIT_UNUSABLE = "portrait_unusable"
    FACE_NOT_ACQUIRED = "face_not_acquired"
    SEVERAL_FACES = "several_faces"
    FACE_QUALITY = "face_quality"
    FACE_NO_MATCH = "face_no_match"
    PAD_ATTACK = "pad_attack"
    PAD_NOT_RUN = "pad_not_run"
    WALKED_AWAY = "walked_away"
    TAILGATING = "tailgating"
    SEVERAL_PERSONS = "several_persons"
    DEVICE_FAILED = "device_failed"
    RECORD_FAILED = "record_failed"
    PERMIT_REFUSED = "permit_refused"
    PASSAGE_TIMEOUT = "passage_timeout"
    LEASE_LOST = "lease_lost"
    RESTART = "restart"
    FIRE = "fire"
    DOOR_FORCED = "door_forced"
    DOOR_HELD = "door_held"
    OBSTRUCTED = "obstructed"
    LEFT_OBJECT = "left_object"
    NOT_ENTERED = "not_entered"
    POWER_LOST = "power_lost"
    MAINTENANCE = "maintenance"
    UNCHECKED_PASSAGE = "unchecked_passage"


_RANK = {reason: rank for rank, reason in enumerate(Reason)}


def ordered(reasons: set[Reason]) -> tuple[Reason, ...]:
    """Put reasons into their fixed order."""
    return tuple(sorted(reasons, key=_RANK.__getitem__)) if reasons else ()


def of_check(check_id: str) -> Reason:
    """The reason that stands for a failed check; `dg_hash.DG2` counts as `dg_hash`."""
    return _OF_CHECK.get(check_id.partition(".")[0], _OTHER_CHECK)


_OTHER_CHECK = Reason.OTHER_CHECK
_OF_RESULT = (
    Reason.ANOTHER_CARD,
    Reason.NO_ACCESS_CONTROL,
    Reason.EXPIRY_OPEN,
    Reason.EXPIRY_NONE,
)
"""Reasons that stand for one result of a check (`gate_agent.core.causes.reason_of`)."""
_OF_CHECK = {
    reason.value: reason
    for reason in list(Reason)[: list(Reason).index(Reason.OTHER_CHECK)]
    if reason not in _OF_RESULT
}
