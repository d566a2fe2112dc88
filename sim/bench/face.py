"""Latency of the face's stages, side by side and interleaved in one run.

On a shared machine a figure means little by itself; a ratio of stages measured in turn, round
by round, does. Frames are 1280x720, composed from photographs given as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biometrics import dlib_models, image
from biometrics.errors import ModelMissing
from biometrics.image import Picture
from biometrics.match import Embedder, Template
from biometrics.models import store as models
from biometrics.models.manifest import load_manifest
from biometrics.onnx import Floats
from biometrics.pipeline import Pipeline

FRAME_COLUMNS, FRAME_ROWS = 1280, 720
EXPECTED_FACE_PX = 220
WARM_UP_ROUNDS = 2
FMR = 1e-3

Stage = Callable[[], object]
Parity = dict[str, float]


def compose(photograph: Picture, face: dlib_models.Box, face_px: float) -> Picture:
    """A frame with the face in its middle, `face_px` wide; the rest of the photograph around it."""
    scale = face_px / (face.right - face.left)
    rows, columns = (max(1, round(side * scale)) for side in photograph.shape[:2])
    small = image.resize(photograph, columns, rows)
    frame = np.full((FRAME_ROWS, FRAME_COLUMNS, 3), 110, np.uint8)
    left = round(FRAME_COLUMNS / 2 - (face.left + face.right) / 2 * scale)
    top = round(FRAME_ROWS / 2 - (face.top + face.bottom) / 2 * scale)
    x, y = max(0, left), max(0, top)
    part = small[max(0, -top) : FRAME_ROWS - top, max(0, -left) : FRAME_COLUMNS - left]
    frame[y : y + part.shape[0], x : x + part.shape[1]] = part
    return frame


def _frames(photographs: Sequence[Path]) -> list[Picture]:
    detector = dlib_models.HogDetector()
    frames = []
    for path in photographs:
        photograph = image.decode(path.read_bytes())
        boxes = detector.find(photograph)
        if boxes:
            widest = max(boxes, key=lambda box: box.right - box.left)
            frames.append(compose(photograph, widest, EXPECTED_FACE_PX))
    if not frames:
        raise ModelMissing("bench: no photograph with a face was given")
    return frames


def _chip(frame: Picture) -> Picture:
    landmarks = dlib_models.Landmarks5(
        dlib_models.packaged_weights("shape_predictor_5_face_landmarks.dat")
    )
    box = dlib_models.HogDetector().find(frame)[0]
    return landmarks.chip(frame, landmarks.find(frame, box)[1])


def _face_recognition() -> Any | None:
    """The library that most would pick; None where it is not installed."""
    try:
        return import_module("face_recognition")
    except ImportError:
        return None


def _embedding_stages(store: Path, chips: Sequence[Picture]) -> tuple[dict[str, Stage], Parity]:
    manifest = load_manifest()
    model = manifest.model("dlib_resnet")
    session = models.open_session(model, models.read(store, model))
    if model.contract is None:
        raise ModelMissing("dlib_resnet: has no contract in the manifest")
    embedder = Embedder(session, model.contract)
    theirs = dlib_models.ReferenceNetwork(dlib_models.packaged_weights(model.made_from))
    name = model.contract.input

    def given(chip: Picture) -> Floats:
        return np.ascontiguousarray(chip.transpose(2, 0, 1)[None].astype(np.float32))

    chip, single = chips[0], given(chips[0])
    stages: dict[str, Stage] = {
        "embed.dlib_bin": lambda: theirs.embed(chip),
        "embed.onnx": lambda: session.run({name: single}),
        "embed.onnx_flip": lambda: embedder.embed(chip),
    }
    pairs = [(theirs.embed(c), session.run({name: given(c)})["embedding"][0]) for c in chips]
    return stages, _parity(pairs)


def _parity(pairs: Sequence[tuple[NDArray[np.float64], Floats]]) -> Parity:
    """How alike dlib's embeddings and ours of the same chips are: the worst of each."""
    cosines = [
        float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        for a, b in ((theirs, ours.astype(np.float64)) for theirs, ours in pairs)
    ]
    return {
        "cosine": min(cosines),
        "max_abs_difference": max(float(np.abs(a - b).max()) for a, b in pairs),
        "chips": len(pairs),
    }


def _frame_stage(pipeline: Pipeline, frames: list[Picture]) -> Stage:
    reference = pipeline.reference(frames[0])
    template = reference if isinstance(reference, Template) else None
    turn = iter(range(1_000_000_000))

    def run() -> object:
        return pipeline.observe(frames[next(turn) % len(frames)], 0, template, FMR)

    return run


def _library_stage(library: Any, frames: list[Picture]) -> Stage:
    known = library.face_encodings(frames[0])[:1]
    turn = iter(range(1_000_000_000))

    def run() -> object:
        frame = frames[next(turn) % len(frames)]
        found = library.face_encodings(frame, library.face_locations(frame))
        return library.face_distance(known, found[0]) if found else None

    return run


def _measure(
    stages: dict[str, Stage], rounds: int, clock: Callable[[], int]
) -> dict[str, dict[str, float]]:
    took: dict[str, list[int]] = {name: [] for name in stages}
    for turn in range(rounds + WARM_UP_ROUNDS):
        for name, stage in stages.items():
            begin = clock()
            stage()
            if turn >= WARM_UP_ROUNDS:
                took[name].append(clock() - begin)
    return {
        name: {
            "p50_ms": round(float(np.percentile(values, 50)) / 1e6, 3),
            "p99_ms": round(float(np.percentile(values, 99)) / 1e6, 3),
            "n": len(values),
        }
        for name, values in took.items()
    }


def bench(
    store: Path, photographs: Sequence[Path], rounds: int, clock: Callable[[], int]
) -> dict[str, Any]:
    """Measure every stage `rounds` times, one after the other in each round.

    Args:
        store: the folder of installed models.
        photographs: pictures with a face each; frames are composed from them.
        rounds: how often each stage is measured, at least 1.
        clock: nanoseconds.

    Returns:
        `stages`: name -> p50_ms, p99_ms, n. `ratios`: how many times longer the other library
        takes, p50 over p50, and each tier's p99 over its p50. `parity`: the lowest `cosine` and the
        greatest `max_abs_difference` of dlib's embedding and ours over `chips`. `tier`: the best
        installed. Stages `frame.TIER` run from decoded frame to score, quality included, attack
        detection where installed; `frame.face_recognition` is that library's default path on
        the same frames, without either.

    Raises:
        ModelMissing: the packaged tier is not installed, or no photograph has a face.
        ModelRefused: a model is not the manifest's.
        ImageRefused: a photograph does not decode.
        ValueError: `rounds` is less than 1.
    """
    if rounds < 1:
        raise ValueError("at least one round")
    tiers = models.installed(store)
    if not tiers:
        raise ModelMissing("bench: the packaged tier is not installed")
    frames = _frames(photographs)
    stages, parity = _embedding_stages(store, [_chip(frame) for frame in frames])
    for tier in tiers:
        pipeline = Pipeline(tier, store, None, EXPECTED_FACE_PX, clock)
        stages[f"frame.{tier}"] = _frame_stage(pipeline, frames)
    library = _face_recognition()
    if library is not None:
        stages["frame.face_recognition"] = _library_stage(library, frames)
    measured = _measure(stages, rounds, clock)
    return {
        "stages": measured,
        "ratios": _ratios(measured, [f"frame.{tier}" for tier in tiers]),
        "parity": parity,
        "tier": str(tiers[-1]),
        "frames": len(frames),
    }


def _ratios(measured: dict[str, dict[str, float]], paths: list[str]) -> dict[str, float]:
    p50 = {name: values["p50_ms"] for name, values in measured.items()}
    ratios = {
        "dlib_bin / embed.onnx": p50["embed.dlib_bin"] / p50["embed.onnx"],
        "dlib_bin / embed.onnx_flip": p50["embed.dlib_bin"] / p50["embed.onnx_flip"],
    }
    for path in paths:
        if "frame.face_recognition" in p50:
            ratios[f"face_recognition / {path}"] = p50["frame.face_recognition"] / p50[path]
        ratios[f"{path} p99 / p50"] = measured[path]["p99_ms"] / p50[path]
    return {name: round(value, 2) for name, value in ratios.items()}
