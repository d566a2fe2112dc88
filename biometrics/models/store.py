"""The folder of installed models: making, adding, checking and reading them.

Nothing leaves the store unchecked: a model is hashed in the very bytes that are then used.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from biometrics import dlib_models
from biometrics.convert import convert_bytes, landmarks
from biometrics.errors import ModelMissing, ModelRefused
from biometrics.image import Picture
from biometrics.models.content import check_content
from biometrics.models.manifest import Extent, Manifest, Model, load_manifest
from biometrics.onnx import Extents, Session
from biometrics.types import Tier

MIN_COSINE = 0.9999
MAX_DIFFERENCE = 1e-5


def _read(path: Path, size_bytes: int) -> bytes:
    """Read a file whose size is known beforehand, and nothing larger."""
    with path.open("rb") as file:
        return file.read(size_bytes + 1)


def _checked(data: bytes, name: str, sha256: str) -> bytes:
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), sha256):
        raise ModelRefused(f"{name}: SHA-256 differs from the manifest's")
    return data


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.replace(path)


def _same_shape(have: Extents, want: tuple[Extent, ...]) -> bool:
    if len(have) != len(want):
        return False
    return all(w == "*" or h == w for h, w in zip(have, want, strict=True))


def open_session(model: Model, data: bytes) -> Session:
    """Load a graph after checking its content and its contract.

    Raises:
        ModelRefused: external data, a custom operator, or other inputs or outputs than the
            manifest's.
    """
    contract = model.contract
    if contract is None:
        raise ModelRefused(f"{model.name}: has no contract in the manifest")
    check_content(model.name, data)
    session = Session(model.name, data)
    right = (
        list(session.inputs) == [contract.input]
        and _same_shape(session.inputs[contract.input], contract.shape)
        and session.outputs.keys() == contract.outputs.keys()
        and all(_same_shape(session.outputs[k], v) for k, v in contract.outputs.items())
    )
    if not right:
        raise ModelRefused(f"{model.name}: inputs or outputs differ from the manifest's contract")
    return session


def synthetic_chip() -> Picture:
    """A picture with structure at every scale, the same everywhere."""
    rows, columns = np.mgrid[0:150, 0:150]
    channels = [(rows * a + columns * b + (rows * columns) // c) % 256 for a, b, c in _WAVES]
    return np.ascontiguousarray(np.stack(channels, axis=-1).astype(np.uint8))


_WAVES = ((3, 5, 7), (11, 2, 13), (1, 17, 5))


def check_parity(session: Session, reference: dlib_models.ReferenceNetwork, chip: Picture) -> None:
    """Compare the converted network with dlib's own run of it on one 150 px chip.

    Cosine alone cannot see an input scaled by 255 instead of 256, hence the difference too.

    Raises:
        ModelRefused: they differ by more than rounding.
    """
    theirs = reference.embed(chip)
    given = np.ascontiguousarray(chip.transpose(2, 0, 1)[None].astype(np.float32))
    ours = session.run({"rgb": given})["embedding"][0].astype(np.float64)
    cosine = float(theirs @ ours / (np.linalg.norm(theirs) * np.linalg.norm(ours)))
    difference = float(np.abs(theirs - ours).max())
    if not (cosine >= MIN_COSINE and difference < MAX_DIFFERENCE):
        raise ModelRefused(f"{session.name}: the converted network does not repeat dlib's output")


def prepare(store: Path, manifest: Manifest | None = None) -> tuple[str, ...]:
    """Install the packaged tier: copy what the package carries, convert the network, check it.

    What is installed and good already stays. Returns the names of the models in place.

    Raises:
        ModelMissing: the package with the weights is not installed.
        ModelRefused: a file is not the manifest's, or the conversion does not repeat dlib.
        WeightsMalformed: the weights do not parse.
        OSError: the store cannot be written.
    """
    manifest = manifest or load_manifest()
    store.mkdir(parents=True, exist_ok=True)
    done: list[str] = []
    for model in manifest.models:
        if model.source == "added":
            continue
        if fault(store, model):
            _install(store, model)
        done.append(model.name)
    return tuple(done)


def _install(store: Path, model: Model) -> None:
    """Make one model of the packaged tier; it appears in the store only when it is good."""
    if model.source == "built_in":
        partial = store / (model.file + ".part")
        dlib_models.save_built_in_detector(partial)
        _checked(_read(partial, model.size_bytes), model.name, model.sha256)
        partial.replace(store / model.file)
        return
    source = dlib_models.packaged_weights(model.made_from or model.file)
    data = _read(source, source.stat().st_size)
    if model.source == "package":
        _write(store / model.file, _checked(data, model.name, model.sha256))
        return
    _checked(data, model.made_from, model.made_from_sha256)
    if model.role == "marks":
        small = landmarks.write(landmarks.parse(data))
        _write(store / model.file, _checked(small, model.name, model.sha256))
        return
    onnx = _checked(convert_bytes(data), model.name, model.sha256)
    reference = dlib_models.ReferenceNetwork(source)
    check_parity(open_session(model, onnx), reference, synthetic_chip())
    _write(store / model.file, onnx)


def add(directory: Path, store: Path, manifest: Manifest | None = None) -> tuple[str, ...]:
    """Install the models that an operator brings, all or none. Returns their names.

    Raises:
        ModelMissing: a model that the manifest requires is not in `directory`.
        ModelRefused: a file is not the manifest's.
        OSError: a file cannot be read or written.
    """
    manifest = manifest or load_manifest()
    required = {name for tier in manifest.tiers.values() for name in tier.required}
    found: list[tuple[Model, bytes]] = []
    for model in manifest.models:
        if model.source != "added":
            continue
        path = directory / model.file
        if not path.is_file():
            if model.name in required:
                raise ModelMissing(f"{model.name}: {model.file} is not there")
            continue
        data = _checked(_read(path, model.size_bytes), model.name, model.sha256)
        open_session(model, data)
        found.append((model, data))
    store.mkdir(parents=True, exist_ok=True)
    for model, data in found:
        _write(store / model.file, data)
    return tuple(model.name for model, _ in found)


def read(store: Path, model: Model) -> bytes:
    """The bytes of an installed model, hash checked.

    Raises:
        ModelMissing: it is not installed.
        ModelRefused: it is not the manifest's.
    """
    try:
        data = _read(store / model.file, model.size_bytes)
    except FileNotFoundError as error:
        raise ModelMissing(f"{model.name}: is not installed") from error
    return _checked(data, model.name, model.sha256)


def fault(store: Path, model: Model) -> str:
    """What is wrong with an installed model; empty when nothing is."""
    try:
        read(store, model)
    except (ModelMissing, ModelRefused) as refusal:
        return refusal.diagnosis
    return ""


def verify(store: Path, manifest: Manifest | None = None) -> Mapping[str, str]:
    """Check every model: name -> what is wrong with it, empty when it is installed and good."""
    return {model.name: fault(store, model) for model in (manifest or load_manifest()).models}


def installed(store: Path, manifest: Manifest | None = None) -> tuple[Tier, ...]:
    """Tiers whose required models are installed and good, the best last."""
    manifest = manifest or load_manifest()
    state = verify(store, manifest)
    return tuple(
        tier
        for tier in (Tier.PACKAGED, Tier.RECOMMENDED)
        if tier in manifest.tiers and not any(state[n] for n in manifest.tiers[tier].required)
    )
