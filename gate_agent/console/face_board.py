"""The face as an officer reads it: whether it was compared, and what the score says.

A score means something else in every tier of models. What it supports is said by its likelihood
ratio, which the tier's calibration gives; the score and its threshold stand beside it.
"""

from __future__ import annotations

import math
from typing import Any

from gate_agent.console import labels
from gate_agent.lane_api.api import FaceView, View

Plain = dict[str, Any]

LLR_SHOWN = 14.0
"""The bar reaches from -14 to 14 (natural logarithm): a ratio of about a million either way."""

STRENGTHS: tuple[tuple[float, str], ...] = (
    (math.log(1000), "Supports strongly that it is one person"),
    (math.log(30), "Supports moderately that it is one person"),
    (math.log(2), "Supports weakly that it is one person"),
    (-math.log(2), "Says nothing either way"),
    (-math.log(30), "Contradicts weakly that it is one person"),
    (-math.log(1000), "Contradicts that it is one person"),
)
"""The least log-likelihood ratio of each sentence; below the last, it contradicts strongly.

Sentences in the manner of the verbal scales of forensic reporting (ENFSI, 2015).
"""

CONTRADICTS_STRONGLY = "Contradicts strongly that it is one person"
NO_SCALE = "The calibration of these models has no scale of support"


def strength(llr: float | None) -> str:
    """What a comparison supports, in words; `llr` is None where the calibration gives none."""
    if llr is None or math.isnan(llr):
        return NO_SCALE
    for least, words in STRENGTHS:
        if llr >= least:
            return words
    return CONTRADICTS_STRONGLY


def face_board(view: View, because: str) -> Plain:
    """The comparison, attack detection and the picture.

    Args:
        view: the lane's view.
        because: the first reason of the referral, "" where there is none.
    """
    face = view.face
    seen = face.faces > 0 or face.score is not None
    asked = face.asked or seen
    # A crossing that was cut short before a picture came has no reason that lies in the face.
    judged = seen or (face.asked and (not view.reasons or "face_not_acquired" in view.reasons))
    pad = "not_asked" if face.pad == "not_run" and not asked else face.pad
    pad_tone, pad_text = labels.PAD_TEXT.get(pad, ("grey", pad))
    return {
        "pad_tone": pad_tone,
        "pad_text": pad_text + ("" if face.pad_score is None else f" ({face.pad_score:.2f})"),
        **_score(face),
        **({} if face.score is not None else {"score_text": _uncompared(view, because, judged)}),
        "faces_text": _faces_text(view, judged=judged),
        "tier": f"models: {face.tier or 'none'}",
        "lists_text": labels.LISTS_TEXT.get(view.lists, view.lists),
    }


def _score(face: FaceView) -> Plain:
    if face.score is None or face.threshold is None:
        return {
            "score_tone": "grey",
            "score_text": "",
            "score_percent": 0.0,
            "threshold_percent": 0.0,
            "uncompared": True,
        }
    matched = face.score >= face.threshold
    number = f"score {face.score:.3f}, threshold {face.threshold:.3f}"
    return {
        "score_tone": "green" if matched else "red",
        "score_text": f"{'Match' if matched else 'No match'}. {strength(face.llr)} ({number}).",
        "score_percent": _percent(face.llr),
        "threshold_percent": _percent(face.threshold_llr),
        "uncompared": face.llr is None or face.threshold_llr is None,
    }


def _uncompared(view: View, because: str, judged: bool) -> str:  # noqa: FBT001 - a private helper
    """Why there is no comparison."""
    if not view.reasons:
        return "No comparison yet"
    if not judged:
        return f"Not compared, because {_within(because)}" if because else "Not compared"
    if view.face.faces < 1:
        return "Not compared, because no face was found in the live picture"
    if "several_faces" in view.reasons:
        return "Not compared, because several faces were in the live picture"
    return "Not compared, because the live picture was not good enough"


def _within(sentence: str) -> str:
    """A sentence as a part of another one; abbreviations keep their capitals."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def _faces_text(view: View, *, judged: bool) -> str:
    if not judged:
        return "The live picture was not judged," if view.reasons else "No live picture yet,"
    faces = view.face.faces
    return f"{faces} face{'' if faces == 1 else 's'} in the picture,"


def _percent(llr: float | None) -> float:
    if llr is None or math.isnan(llr):
        return 0.0
    return round(100.0 * min(1.0, max(0.0, (llr + LLR_SHOWN) / (2 * LLR_SHOWN))), 1)
