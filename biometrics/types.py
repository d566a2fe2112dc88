"""Vocabulary of the face: the events and commands of vision.

Nothing here identifies a person: scores, components and handles only.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class VisionMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, gc=False):
    """Base of every event and command of vision; tagged with its own name on the wire."""


class Tier(StrEnum):
    """A set of models (see `biometrics/models/manifest.toml`)."""

    PACKAGED = "packaged"
    RECOMMENDED = "recommended"
    AUTHORITY = "authority"  # brought and sealed by the authority (`biometrics.models.authority`)


class Guidance(StrEnum):
    """What the traveller can do for a better picture (BSI TR-03121, traveller guidance)."""

    NONE = "none"
    NO_FACE = "no_face"
    TOO_FAR = "too_far"
    TOO_NEAR = "too_near"
    MOVE_LEFT = "move_left"
    MOVE_RIGHT = "move_right"
    MOVE_UP = "move_up"
    MOVE_DOWN = "move_down"
    HOLD_STILL = "hold_still"
    LOOK_STRAIGHT = "look_straight"
    OPEN_EYES = "open_eyes"
    CLOSE_MOUTH = "close_mouth"
    ONE_PERSON = "one_person"
    TAKE_OFF_GLASSES = "take_off_glasses"
    UNCOVER_FACE = "uncover_face"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LIGHT = "light"  # uneven, or without contrast


class LivenessState(StrEnum):
    """Whether presentation attack detection ran, and what it found."""

    NOT_RUN = "not_run"
    BONA_FIDE = "bona_fide"
    ATTACK = "attack"


class QualityComponent(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """One component of face quality (terms of ISO/IEC 29794-5).

    `native` is in the component's own unit, `value` is 0..100 (more is better), `ok` says
    whether the profile's limit holds. What could not be measured on this picture has no
    `native`, is worth 0 and is never `ok`.
    """

    id: str
    native: float | None
    value: int
    ok: bool


class Liveness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Graded result of attack detection: 0 (attack) .. 1 (bona fide), None if not run."""

    state: LivenessState
    score: float | None = None


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Comparison of a live face with the reference.

    `threshold` belongs to the calibration of the installed models at `fmr`; more score is
    more alike. `llr` is the log-likelihood ratio where the calibration gives one, and
    `threshold_llr` that of the threshold.
    """

    score: float
    threshold: float
    fmr: float
    llr: float | None = None
    threshold_llr: float | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The result of one live frame. `match` is None while no acceptable face was compared."""

    frame_at_ns: int
    faces: int
    quality: tuple[QualityComponent, ...]
    guidance: Guidance
    liveness: Liveness
    match: Match | None


class VerifyLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Time limits and false match rate of a verification; from the profile."""

    fmr: float
    budget_ms: int
    frame_budget_ms: int


class ModelsUsed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The models behind a verification, as evidence: tier and hash per role."""

    tier: Tier
    sha256: dict[str, str]
    pad: bool


# --- events ---------------------------------------------------------------------------


class PortraitPrepared(VisionMessage, frozen=True, kw_only=True):
    """The reference was decoded and its template made, or could not be (`usable`)."""

    ticket: int
    usable: bool
    models: ModelsUsed
    detail: str = ""


class Observed(VisionMessage, frozen=True, kw_only=True):
    """One live frame was looked at for this ticket."""

    ticket: int
    observation: Observation


class VerifyEnded(VisionMessage, frozen=True, kw_only=True):
    """The verification is over: its own deadline passed, or `StopVerify` came.

    `impostor_comparisons` and `impostor_matches` are of the live face with the fixed cohort
    that comes with the models: the operational false match rate, summed over crossings.
    """

    ticket: int
    frames: int
    dropped: int
    impostor_comparisons: int = 0
    impostor_matches: int = 0


# --- commands -------------------------------------------------------------------------


class Prepare(VisionMessage, frozen=True, kw_only=True):
    """Decode this portrait (a vault handle) and make its template."""

    ticket: int
    portrait: str


class StartVerify(VisionMessage, frozen=True, kw_only=True):
    """Look at live frames and compare them with the prepared reference."""

    ticket: int
    limits: VerifyLimits


class StopVerify(VisionMessage, frozen=True, kw_only=True):
    """Stop looking for this ticket."""

    ticket: int
