"""Models that an authority brings: its own entries and calibration, under its signature.

An authority writes `addition.toml` beside its ONNX files (the same entries as the project's
manifest, and which models its tier takes), calibrates, and seals both with Ed25519 (RFC 8032)
into `authority.json`. The operator adds that folder together with the authority's public key;
from then on nothing of the tier is used unless the signature holds. The one file of this
package that imports cryptography.
"""

from __future__ import annotations

import binascii
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from msgspec import Meta

from biometrics.errors import ModelRefused
from biometrics.models.manifest import (
    Calibration,
    Manifest,
    ManifestRecord,
    Model,
    Name,
    Point,
    TierEntry,
    Weighting,
    load_manifest,
)
from biometrics.types import Tier

SEALED = "authority.json"
PUBLIC_KEY = "authority.pub"
ADDITION = "addition.toml"
DOMAIN = b"egate model calibration 1\n"  # what else the key signs can never pass for this
MAX_BYTES = 1024 * 1024
KEY_BYTES = 32


class Addition(ManifestRecord, frozen=True, kw_only=True):
    """What an authority adds: entries of its own, and what its tier takes of all models."""

    models: Annotated[tuple[Model, ...], Meta(min_length=1, max_length=8)]
    required: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=16)]
    optional: Annotated[tuple[Name, ...], Meta(max_length=16)] = ()
    calibration: Calibration | None = None


class _Sealed(ManifestRecord, frozen=True, kw_only=True):
    """The envelope: JSON of an `Addition` as signed, and the signature in hexadecimal."""

    version: Literal[1] = 1
    addition: str
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}$")]


def read_addition(folder: Path) -> Addition:
    """The authority's own file, not calibrated yet.

    Raises:
        ModelRefused: it is too long or not as it must be; the diagnosis names the field.
        OSError: it cannot be read.
    """
    try:
        return msgspec.toml.decode(_bounded(folder / ADDITION), type=Addition)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelRefused(f"{ADDITION}: {error}") from error


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ModelRefused(f"{path.name}: longer than {MAX_BYTES} bytes")
    return data


def merged(addition: Addition, base: Manifest | None = None) -> Manifest:
    """The project's manifest with an authority's tier.

    Without a calibration each network of the tier weighs the same, and no threshold counts.

    Raises:
        ModelRefused: an entry has a name of the project's, is not an added file, or the tier
            names a model that is nowhere.
    """
    base = base or load_manifest()
    taken = {model.name for model in base.models} | {model.file for model in base.models}
    for model in addition.models:
        if model.name in taken or model.file in taken:
            raise ModelRefused(f"{model.name}: the project has a model or file of that name")
        if model.source != "added":
            raise ModelRefused(f"{model.name}: an authority's model has the source 'added'")
        taken |= {model.name, model.file}
    manifest = msgspec.structs.replace(base, models=(*base.models, *addition.models))
    roles = {name: manifest.model(name).role for name in (*addition.required, *addition.optional)}
    embedding = [name for name in addition.required if roles[name] == "embed"]
    if not embedding:
        raise ModelRefused("the authority's tier requires no model of the role 'embed'")
    calibration = addition.calibration or _provisional(embedding)
    if {w.model for w in calibration.networks} != set(embedding):
        raise ModelRefused("the calibration is of other networks than the tier's")
    entry = TierEntry(
        required=addition.required, optional=addition.optional, calibration=calibration
    )
    return msgspec.structs.replace(manifest, tiers={**manifest.tiers, Tier.AUTHORITY: entry})


def _provisional(embedding: list[Name]) -> Calibration:
    weight = 1 / len(embedding)
    return Calibration(
        provenance="not calibrated",
        impostor_pairs=1,
        networks=tuple(
            Weighting(model=name, mean=0.0, deviation=1.0, weight=weight) for name in embedding
        ),
        points=(Point(fmr=1e-9, threshold=float("inf")),),
        fmr_ceiling=1e-9,
    )


def seal(addition: Addition, key: bytes) -> bytes:
    """Sign a calibrated addition with the authority's private key of 32 bytes.

    Raises:
        ModelRefused: it is not calibrated, contradicts itself, or the key is no key.
    """
    if addition.calibration is None:
        raise ModelRefused("the addition is not calibrated: run `egate face calibrate` first")
    merged(addition)
    text = msgspec.json.encode(addition).decode()
    signature = _private(key).sign(DOMAIN + text.encode())
    return msgspec.json.encode(_Sealed(addition=text, signature=signature.hex()))


def unseal(data: bytes, public_key: bytes) -> Addition:
    """Check the signature, then read what it is over.

    Raises:
        ModelRefused: not such a file, or not signed by this key.
    """
    try:
        envelope = msgspec.json.decode(data, type=_Sealed)
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(envelope.signature), DOMAIN + envelope.addition.encode())
        return msgspec.json.decode(envelope.addition, type=Addition)
    except InvalidSignature as error:
        raise ModelRefused(f"{SEALED}: the authority's signature does not hold") from error
    except (msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise ModelRefused(f"{SEALED}: is not a sealed calibration") from error


def manifest_of(store: Path) -> Manifest:
    """Every model that this installation accepts: the project's, and a sealed tier if any.

    Raises:
        ModelRefused: the sealed tier is not signed by the key beside it, or contradicts itself.
    """
    sealed = store / SEALED
    if not sealed.is_file():
        return load_manifest()
    try:
        key = parse_key(_bounded(store / PUBLIC_KEY))
        return merged(unseal(_bounded(sealed), key))
    except OSError as error:
        raise ModelRefused(f"{PUBLIC_KEY}: {error.strerror}") from error


def make_key(random: bytes) -> tuple[bytes, bytes]:
    """A private and a public key file from 32 random bytes, in hexadecimal."""
    public = _private(random).public_key().public_bytes_raw()
    return random.hex().encode() + b"\n", public.hex().encode() + b"\n"


def parse_key(data: bytes) -> bytes:
    """The 32 bytes of a key file.

    Raises:
        ModelRefused: it is not 64 hexadecimal digits.
    """
    try:
        key = binascii.unhexlify(data.strip())
    except ValueError as error:
        raise ModelRefused("a key file holds 64 hexadecimal digits") from error
    if len(key) != KEY_BYTES:
        raise ModelRefused("a key file holds 64 hexadecimal digits")
    return key


def _private(key: bytes) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(key)
    except ValueError as error:
        raise ModelRefused("an Ed25519 key has 32 bytes") from error
