"""The manifest of models as typed records."""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from biometrics.errors import ModelRefused, Uncalibrated
from biometrics.types import Tier

PACKAGED_MANIFEST = Path(__file__).with_name("manifest.toml")
MANIFEST_SHA256 = "7b41157ddffd3aeeb7f2da66adede7e5987b98306b3ff03fa718b9b0d72c15e8"
"""Binds the calibration that comes with the project: a changed threshold is refused."""

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$")]
FileName = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")
]
OptionalFileName = Annotated[str, Meta(max_length=100, pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]*)?$")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Extent = int | Literal["*"]


class ManifestRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the manifest's records."""


class Contract(ManifestRecord, frozen=True, kw_only=True):
    """What goes into a graph and what comes out.

    A picture of `size_px` squared (0: any multiple of 32) enters as (x - mean) / divisor.
    Extents are as in the file; `*` is a free one.
    """

    input: str
    shape: tuple[Extent, ...]
    layout: Literal["nchw", "nhwc"]
    colour: Literal["rgb", "bgr"]
    size_px: Annotated[int, Meta(ge=0, le=1024)]
    mean: float
    divisor: Annotated[float, Meta(gt=0)]
    outputs: dict[str, tuple[Extent, ...]]
    alignment: Literal["none", "arcface112", "dlib150", "square_1_5"]


class Model(ManifestRecord, frozen=True, kw_only=True):
    """One file.

    `source` says how it is installed: copied from the package of dlib's weights, converted from
    it, written out of dlib itself, or added by an operator.
    """

    name: Name
    role: Literal["hog", "landmarks", "marks", "detect", "embed", "pad", "quality"]
    file: FileName
    sha256: Digest
    size_bytes: Annotated[int, Meta(ge=1, le=256 * 1024 * 1024)]
    source: Literal["package", "converted", "built_in", "added"]
    licence: str
    provenance: str
    made_from: OptionalFileName = ""
    made_from_sha256: str = ""
    contract: Contract | None = None
    threshold: float | None = None  # of a graded output, e.g. attack detection


Crop = Annotated[float, Meta(ge=0.5, le=2.0)]


class Weighting(ManifestRecord, frozen=True, kw_only=True):
    """How one network's cosine enters the score: weight * (cosine - mean) / deviation.

    `crops` are the sizes of the face in the network's frame, relative to the one it was
    trained on: its embedding is the mean over these, each with its mirror image.
    """

    model: Name
    mean: float
    deviation: Annotated[float, Meta(gt=0)]
    weight: Annotated[float, Meta(gt=0, le=1)]
    crops: Annotated[tuple[Crop, ...], Meta(min_length=1, max_length=4)] = (1.0,)


class Point(ManifestRecord, frozen=True, kw_only=True):
    """A threshold of the score and the false match rate measured at it.

    `frames` is how many live pictures were combined.
    """

    fmr: Annotated[float, Meta(gt=0, lt=1)]
    threshold: float
    frames: Annotated[int, Meta(ge=1, le=16)] = 1


class Likelihood(ManifestRecord, frozen=True, kw_only=True):
    """The natural logarithm of the likelihood ratio of a score, by knots.

    `scores` rise, `llrs` never fall; between knots the ratio is a straight line, outside them
    that of the nearest: more than the pairs behind the knots can show is not claimed.
    """

    scores: Annotated[tuple[float, ...], Meta(min_length=2, max_length=64)]
    llrs: Annotated[tuple[float, ...], Meta(min_length=2, max_length=64)]

    def __post_init__(self) -> None:
        """Check the knots' order.

        Raises:
            ValueError: as many ratios as scores there are not, or they are out of order.
        """
        if len(self.scores) != len(self.llrs):
            raise ValueError("likelihood: as many ratios as scores are needed")
        if any(b <= a for a, b in pairwise(self.scores)):
            raise ValueError("likelihood: scores must rise")
        if any(b < a for a, b in pairwise(self.llrs)):
            raise ValueError("likelihood: ratios must not fall")

    def ratio(self, score: float) -> float:
        """The log-likelihood ratio of a score: positive speaks for one person."""
        at = bisect_right(self.scores, score)
        if at == 0:
            return self.llrs[0]
        if at == len(self.scores):
            return self.llrs[-1]
        low, high = self.scores[at - 1], self.scores[at]
        share = (score - low) / (high - low)
        return self.llrs[at - 1] + share * (self.llrs[at] - self.llrs[at - 1])


class Calibration(ManifestRecord, frozen=True, kw_only=True):
    """What scores mean for one tier: numbers and where they come from.

    A gate may not ask for a false match rate above `fmr_ceiling`. `golden` has, per network,
    the cosines of the pairs of `golden.PAIRS`: what a sound installation computes again.
    """

    provenance: str
    impostor_pairs: Annotated[int, Meta(ge=1)]
    networks: Annotated[tuple[Weighting, ...], Meta(min_length=1, max_length=4)]
    points: Annotated[tuple[Point, ...], Meta(min_length=1, max_length=32)]
    likelihood: Likelihood | None = None
    fmr_ceiling: Annotated[float, Meta(gt=0, le=1e-2)] = 1e-3
    golden: dict[Name, tuple[float, float, float]] = {}

    def at(self, fmr: float, frames: int = 1) -> Point:
        """The calibrated point with the greatest false match rate not above `fmr`.

        With several live pictures combined, that of the greatest number up to `frames`.

        Raises:
            Uncalibrated: no point is as strict as that.
        """
        strict = [p for p in self.points if p.fmr <= fmr * (1 + 1e-9) and p.frames <= frames]
        if not strict:
            raise Uncalibrated(f"no threshold is calibrated for a false match rate of {fmr:g}")
        return max(strict, key=lambda point: (point.fmr, point.frames))


class TierEntry(ManifestRecord, frozen=True, kw_only=True):
    """What a tier needs, what it uses when installed, and its calibration."""

    required: tuple[Name, ...]
    optional: tuple[Name, ...] = ()
    calibration: Calibration


class Manifest(ManifestRecord, frozen=True, kw_only=True):
    """Every model that this software accepts."""

    version: Literal[1]
    models: tuple[Model, ...]
    tiers: dict[Tier, TierEntry]

    def model(self, name: str) -> Model:
        """The entry of that name.

        Raises:
            ModelRefused: the manifest has no such model.
        """
        for entry in self.models:
            if entry.name == name:
                return entry
        raise ModelRefused(f"{name}: not in the manifest")


def load_manifest(path: Path = PACKAGED_MANIFEST) -> Manifest:
    """Read a manifest.

    Raises:
        ModelRefused: it does not decode (the diagnosis names the field), or the project's own
            was changed.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if path == PACKAGED_MANIFEST and not hmac.compare_digest(digest, MANIFEST_SHA256):
        raise ModelRefused(f"{path.name}: is not the one that this version was released with")
    try:
        return msgspec.toml.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelRefused(f"{path.name}: {error}") from error
