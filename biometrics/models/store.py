"""The folder of installed models: making, adding, checking and reading them.

Nothing leaves the store unchecked: a model is hashed in the very bytes that are then used.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from biometrics import dlib_models
from biometrics.convert import convert_bytes, landmarks
from biometrics.errors import ModelMissing, ModelRefused
from biometrics.image import Picture
from biometrics.models.authority import PUBLIC_KEY, SEALED, manifest_of, merged, unseal
from biometrics.models.content import check_content
from biometrics.models.golden import drawn
from biometrics.models.manifest import Contract, Extent, Manifest, Model
from biometrics.onnx import Execution, Extents, OnnxSession
from biometrics.types import Tier

MIN_COSINE = 0.9999
MAX_DIFFERENCE = 1e-5
MODEL_MAX_BYTES = 1 << 30
"""An embedding network has a few megabytes to a few hundred."""


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


def open_session(model: Model, data: bytes, execution: Execution = "cpu") -> OnnxSession:
    """Load a graph after checking its content and its contract.

    Raises:
        ModelRefused: external data, a custom operator, or other inputs or outputs than the
            manifest's.
        ModelMissing: the installed runtime has no such execution.
    """
    contract = model.contract
    if contract is None:
        raise ModelRefused(f"{model.name}: has no contract in the manifest")
    check_content(model.name, data)
    session = OnnxSession(model.name, data, execution)
    right = (
        list(session.inputs) == [contract.input]
        and _same_shape(session.inputs[contract.input], contract.shape)
        and session.outputs.keys() == contract.outputs.keys()
        and all(_same_shape(session.outputs[k], v) for k, v in contract.outputs.items())
    )
    if not right:
        raise ModelRefused(f"{model.name}: inputs or outputs differ from the manifest's contract")
    return session


def check_parity(
    session: OnnxSession, reference: dlib_models.ReferenceNetwork, chip: Picture
) -> None:
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
    manifest = manifest or manifest_of(store)
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
    check_parity(open_session(model, onnx), reference, drawn())
    _write(store / model.file, onnx)


def add(directory: Path, store: Path, manifest: Manifest | None = None) -> tuple[str, ...]:
    """Install the models that an operator brings, all or none. Returns their names.

    Raises:
        ModelMissing: a model that the manifest requires is not in `directory`.
        ModelRefused: a file is not the manifest's.
        OSError: a file cannot be read or written.
    """
    manifest = manifest or manifest_of(store)
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


def add_authority(directory: Path, store: Path, public_key: bytes) -> tuple[str, ...]:
    """Install an authority's models with their sealed calibration, all or none.

    Raises:
        ModelRefused: the seal, a hash, a contract or a content is not right.
        OSError: a file cannot be read or written.
    """
    sealed = (directory / SEALED).read_bytes()
    addition = unseal(sealed, public_key)
    manifest = merged(addition)
    found: list[tuple[Model, bytes]] = []
    for model in addition.models:
        data = _checked(_read(directory / model.file, model.size_bytes), model.name, model.sha256)
        if model.contract is not None:
            open_session(model, data)
        found.append((model, data))
    faults = {name: fault(store, manifest.model(name)) for name in addition.required}
    own = {model.name for model in addition.models}
    for name, diagnosis in faults.items():
        if diagnosis and name not in own:
            raise ModelRefused(f"the authority's tier needs {diagnosis}")
    store.mkdir(parents=True, exist_ok=True)
    for model, data in found:
        _write(store / model.file, data)
    _write(store / PUBLIC_KEY, public_key.hex().encode() + b"\n")
    _write(store / SEALED, sealed)
    return tuple(model.name for model, _ in found)


def describe(path: Path, name: str, licence: str, provenance: str) -> Model:
    """The entry of an embedding network with ArcFace's contract, made from the file itself.

    Raises:
        ModelRefused: it is no ONNX file of its own, or has another contract.
        OSError: it cannot be read.
    """
    if path.stat().st_size > MODEL_MAX_BYTES:  # not even read
        raise ModelRefused(f"{name}: longer than {MODEL_MAX_BYTES} bytes")
    data = _read(path, MODEL_MAX_BYTES)
    check_content(name, data)
    session = OnnxSession(name, data)
    if len(session.inputs) != 1 or len(session.outputs) != 1:
        raise ModelRefused(f"{name}: ArcFace's contract has one input and one output")
    (source, given), (target, made) = *session.inputs.items(), *session.outputs.items()
    last = made[-1] if made else None
    layouts: dict[tuple[Extent, ...], Literal["nchw", "nhwc"]] = {
        (3, 112, 112): "nchw",
        (112, 112, 3): "nhwc",
    }
    layout = layouts.get(tuple(e if isinstance(e, int) else "*" for e in given[1:]))
    if layout is None or len(made) != 2 or not isinstance(last, int):
        raise ModelRefused(f"{name}: not N pictures of 112 x 112 to N embeddings: {given}, {made}")
    contract = Contract(
        input=source,
        shape=("*", 3, 112, 112) if layout == "nchw" else ("*", 112, 112, 3),
        layout=layout,
        colour="rgb",
        size_px=112,
        mean=127.5,
        divisor=127.5,
        outputs={target: ("*", last)},
        alignment="arcface112",
    )
    return Model(
        name=name,
        role="embed",
        file=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        source="added",
        licence=licence,
        provenance=provenance,
        contract=contract,
    )


def read(store: Path, model: Model) -> bytes:
    """The bytes of an installed model, hash checked.

    Raises:
        ModelMissing: it is not installed.
        ModelRefused: it cannot be read, or is not the manifest's.
    """
    try:
        data = _read(store / model.file, model.size_bytes)
    except FileNotFoundError as error:
        raise ModelMissing(
            f"{model.name}: is not installed (egate models prepare, or add)"
        ) from error
    except OSError as error:
        raise ModelRefused(
            f"{model.name}: {store / model.file} cannot be read: {error.strerror}"
        ) from error
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
    return {model.name: fault(store, model) for model in (manifest or manifest_of(store)).models}


def installed(store: Path, manifest: Manifest | None = None) -> tuple[Tier, ...]:
    """Tiers whose required models are installed and good, the best last."""
    manifest = manifest or manifest_of(store)
    state = verify(store, manifest)
    return tuple(
        tier
        for tier in Tier
        if tier in manifest.tiers and not any(state[n] for n in manifest.tiers[tier].required)
    )
