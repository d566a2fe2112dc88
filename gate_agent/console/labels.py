"""What an officer reads for each value of a lane's view, and the colour that goes with it."""

from __future__ import annotations

from drivers.types import Result
from gate_agent.lane_api.api import Step

STEP_TEXT = {
    Step.CLOSED: "Closed",
    Step.WAITING: "Waiting for a traveller",
    Step.READING: "Reading the document",
    Step.VERIFYING: "Comparing the face",
    Step.DECIDING: "Deciding",
    Step.CROSSING: "Traveller is crossing",
    Step.REFERRED: "Referred to the officer",
    Step.LEAVING: "Leaving the lane",
    Step.ENTERING: "Coming in",
    Step.PRESENTING: "Waiting for the document",
    Step.QUEUED: "Waiting before the entry",
    Step.GOING_BACK: "Going back out",
}

DOCUMENT_TEXT = {
    "access": "access to the chip",
    "sod": "signatures",
    "dg1": "the holder's data",
    "dg2": "the portrait",
    "another_card": "another card answers",
}

PROGRESS = {  # of document, face, decision, passage
    Step.READING: 1,
    Step.VERIFYING: 2,
    Step.DECIDING: 3,
    Step.REFERRED: 3,
    Step.CROSSING: 4,
    Step.LEAVING: 4,
}

MODE_TEXT = {
    "starting": "Starting",
    "auto": "In service",
    "out_of_service": "Out of service",
    "evacuation": "EVACUATION",
    "maintenance": "Maintenance",
}

CHECK_TEXT = {
    "mrz_consistency": "MRZ check digits",
    "access_control": "Access to the chip",
    "sod_signature": "Signature of EF.SOD",
    "sod_conformance": "EF.SOD made as ICAO prescribes",
    "ds_chain": "Document signer to trusted CSCA",
    "ds_validity": "Document signer in its time",
    "csca_validity": "CSCA in its time",
    "ds_revocation": "Document signer not revoked",
    "dg_hash": "Data group unaltered",
    "com_sod": "EF.COM agrees with EF.SOD",
    "issuing_state": "Issuing state agrees",
    "active_authentication": "Active authentication",
    "chip_authentication": "Chip authentication",
    "stripping": "No protocol stripped",
    "expiry": "Not expired",
    "mrz_dg1": "Printed MRZ equals DG1",
    "face_image": "Portrait of the chip",
    "defects": "No known defects",
}

# BSI TR-03135 shows successful green, failed red, undetermined yellow, not supported grey.
CHECK_COLOUR = {
    Result.SUCCESSFUL: "green",
    Result.FAILED: "red",
    Result.UNDETERMINED: "yellow",
    Result.NOT_SUPPORTED: "grey",
    Result.ABORTED: "yellow",
}

COLOUR_ORDER = {"red": 0, "yellow": 1, "green": 2, "grey": 3}

RESULT_TEXT = {
    Result.SUCCESSFUL: "successful",
    Result.FAILED: "failed",
    Result.UNDETERMINED: "undetermined",
    Result.NOT_SUPPORTED: "not supported",
    Result.ABORTED: "aborted",
}

PAD_TEXT = {
    "not_asked": ("grey", "Attack detection: not asked"),
    "not_run": ("grey", "Attack detection: did not run"),
    "bona_fide": ("green", "Attack detection: no sign of an attack"),
    "attack": ("red", "Attack detection: ATTACK"),
}

LISTS_TEXT = {
    "not_asked": "Lists: not asked",
    "no_answer": "Lists: no answer",
    "no_hit": "Lists: no hit",
    "hit": "Lists: HIT",
    "no_list": "Lists: none is installed",
}

AREA_TEXT = {
    "empty": "empty",
    "one": "one person",
    "many": "SEVERAL PERSONS",
    "unknown": "not known",
}

OUTCOME_TEXT = {
    "admitted": ("green", "Admitted"),
    "referred": ("yellow", "Referred"),
    "refused": ("red", "Refused"),
    "abandoned": ("grey", "Abandoned"),
}
