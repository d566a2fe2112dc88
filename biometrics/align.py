"""Bringing a face into the frame that a network was trained on.

A similarity transform (Umeyama 1991) takes five points to a template. ArcFace's template is
the published one; dlib's follows from its mean face with 25 % padding; the crossed ones carry
one layout's points through the other's mean face and use no data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biometrics import image
from biometrics.detect import DetectedFace
from biometrics.dlib_models import Landmarks5
from biometrics.image import Matrix, Picture

Template = NDArray[np.float64]

ARCFACE_FROM_YUNET = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip
ARCFACE_FROM_DLIB = np.array(
    [[81.48, 51.68], [66.71, 52.83], [30.35, 51.97], [45.13, 52.96], [56.07, 80.48]]
)
DLIB150_FROM_YUNET = np.array(
    [[47.73, 47.14], [100.28, 47.12], [74.01, 76.56], [50.41, 103.02], [97.61, 103.02]]
)


def similarity(source: Template, target: Template) -> Matrix:
    """Rotation, uniform scale and shift that take `source` to `target` with least squares.

    Returns:
        A 2x3 matrix. Coinciding source points give scale 0.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    u, sizes, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = u @ np.diag(sign) @ vt
    variance = float((a**2).sum() / len(a))
    scale = float((sizes * sign).sum() / variance) if variance > 0 else 0.0
    shift = target_mean - scale * rotation @ source_mean
    return np.hstack([scale * rotation, shift[:, None]])


def enlarged(target: Template, crop: float, size_px: float) -> Template:
    """A template with the face `crop` times as large around the frame's middle."""
    return (target - size_px / 2) * crop + size_px / 2


def arcface(picture: Picture, face: DetectedFace, size_px: int = 112, crop: float = 1.0) -> Picture:
    """The face in ArcFace's frame, at 112 px or scaled from it."""
    target = ARCFACE_FROM_YUNET if face.layout == "yunet" else ARCFACE_FROM_DLIB
    placed = enlarged(target, crop, 112)
    return image.warp(picture, similarity(face.points, placed) * (size_px / 112), size_px)


def dlib_chip(
    picture: Picture, face: DetectedFace, landmarks: Landmarks5 | None, crop: float = 1.0
) -> Picture:
    """The face in dlib's frame of 150 px: by dlib itself where dlib found the points."""
    if face.layout == "dlib" and landmarks is not None:
        return landmarks.chip(picture, face.shape, crop)
    return image.warp(
        picture, similarity(face.points, enlarged(DLIB150_FROM_YUNET, crop, 150)), 150
    )


def square(picture: Picture, face: DetectedFace, margin: float, size_px: int) -> Picture:
    """A square of `margin` times the longer side of the box around the face's middle."""
    box = face.box
    side = max(box.right - box.left, box.bottom - box.top, 1.0) * margin
    left = (box.left + box.right - side) / 2
    top = (box.top + box.bottom - side) / 2
    scale = size_px / side
    return image.warp(
        picture, np.array([[scale, 0, -left * scale], [0, scale, -top * scale]]), size_px
    )
