"""The camera of a simulated lane: a rendered scene, served as motion JPEG on loopback.

The holder's photograph is placed in a 1280 x 720 hall with position, scale, light, blur,
noise and compression, and comes nearer as the traveller walks in. Everything drawn comes
from the scene, the frame's number and a seed: the same three give the same picture.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.devices.photos import Photo, by_handle

WIDTH = 1280
HEIGHT = 720
FACE_FAR_PX = 90
FACE_NEAR_PX = 230
NEAREST = 3.0
NOSE_DEPTH = 0.26  # of the face's width, before its other features
HALLS = 4
JPEG_QUALITY = 88
PORTRAIT_WIDTH = 413  # 35 x 45 mm at 300 dpi
PORTRAIT_HEIGHT = 531
PORTRAIT_MAX_BYTES = 15_000
PORTRAIT_FACE_RATIO = 0.60  # head width over image width, ISO/IEC 19794-5 full frontal

HALF_WIDTH, OVER, UNDER = 0.28, 0.145, 0.13  # of an eye's opening, in distances of the eyes
LASHES_AT, LASHES_HIGH = 0.06, 0.04  # below the middle at the corners' height, and thickness
LASHES_DARK = 0.6
GRAIN = 3.0  # deviation of the skin's grain, in grey levels
_SUBPIXEL = 4

Image = NDArray[np.uint8]
Point = tuple[float, float]

cv2.setNumThreads(1)  # three lanes share a machine with everything that looks at them


class CameraError(Exception):
    """A photograph cannot be used."""


class Scene(NamedTuple):
    """What is before the camera. `photo` is None when no one is there.

    `approach` goes from 0 (far) to 1 (at the stop line); `printed` holds the photograph
    as a print with a white border before the camera, `replayed` shows it on a screen with a
    dark bezel; `people` is how many stand there. An approach of more than 1 is too near, up to
    `NEAREST`. `aside` and `above` shift the face off its place, in frame widths and heights;
    `turned_deg` turns it to the picture's right, `asleep` closes its eyes.
    """

    photo: str | None
    approach: float = 1.0
    printed: bool = False
    people: int = 1
    replayed: bool = False
    aside: float = 0.0
    above: float = 0.0
    turned_deg: float = 0.0
    asleep: bool = False

    @property
    def medium(self) -> str:
        """What carries the face: nothing, a print or a screen."""
        return "screen" if self.replayed else "print" if self.printed else ""


EMPTY = Scene(photo=None)


class _Cutout(NamedTuple):
    """Head and shoulders with a soft edge; face width and centre in its pixels."""

    image: Image
    alpha: NDArray[np.float32]
    face_px: float
    centre: tuple[float, float]


class SceneRenderer:
    """Draws frames of one lane's camera.

    The noise of the sensor is a handful of pictures of the hall made once: drawing eight
    frames a second leaves the processor to those who look at them.
    """

    def __init__(self, photos: Path, seed: int, lane: int) -> None:
        self._photos = photos
        self._seed = seed
        self._lane = lane
        self._cutouts: dict[tuple[str, str, float, bool], _Cutout] = {}
        hall = _hall(lane)
        self._halls = [_noisy(hall, self._generator("hall", str(n))) for n in range(HALLS)]
        self._empty = [_jpeg(picture, JPEG_QUALITY) for picture in self._halls]

    def prepare(self, scene: Scene) -> None:
        """Read and cut the photograph of a scene ahead of time.

        Raises:
            CameraError: the photograph is missing or cannot be decoded.
        """
        if scene.photo is not None:
            self._cutout(scene)

    def render(self, scene: Scene, frame: int) -> bytes:
        """One frame as JPEG.

        Raises:
            CameraError: the photograph is missing or cannot be decoded.
        """
        if scene.photo is None:
            return self._empty[frame % HALLS]
        canvas = self._halls[frame % HALLS].copy()
        cutout = self._cutout(scene)
        for person in range(min(scene.people, 2)):
            self._place(canvas, cutout, scene, frame, person)
        return _jpeg(canvas, JPEG_QUALITY)

    def _place(self, canvas: Image, cutout: _Cutout, scene: Scene, frame: int, person: int) -> None:
        sway = self._generator(f"{scene.photo}", "sway").uniform(0.0, 2 * math.pi, 3)
        near = min(max(scene.approach, 0.0), NEAREST)
        face_px = FACE_FAR_PX + (FACE_NEAR_PX - FACE_FAR_PX) * near
        if person:
            face_px *= 0.7
        phase = frame / 8.0
        tilt = 2.5 * math.sin(0.9 * phase + sway[0])
        x = WIDTH * (0.5 + scene.aside + 0.22 * person)
        x += max(0.0, 1 - near) * 150 + 6 * math.sin(0.7 * phase + sway[1])
        y = HEIGHT * (0.44 - scene.above) + 4 * math.sin(1.1 * phase + sway[2])
        scale = face_px / cutout.face_px
        matrix: Any = cv2.getRotationMatrix2D(cutout.centre, tilt, scale)
        matrix[0, 2] += x - cutout.centre[0]
        matrix[1, 2] += y - cutout.centre[1]
        left, top, right, bottom = _bounds(matrix, cutout.image.shape)
        if right <= left or bottom <= top:
            return
        matrix[0, 2] -= left
        matrix[1, 2] -= top
        size = (right - left, bottom - top)
        light = 0.94 + 0.04 * math.sin(0.2 * phase + sway[1])
        body = cv2.warpAffine(cutout.image, matrix, size, flags=cv2.INTER_LINEAR)
        body = cv2.convertScaleAbs(cv2.GaussianBlur(body, (3, 3), 0.6), alpha=light)
        body = _noisy(body, self._generator("grain", str(frame)))
        alpha = cv2.warpAffine(cutout.alpha, matrix, size)
        part = canvas[top:bottom, left:right]
        part[:] = cv2.blendLinear(body, np.ascontiguousarray(part), alpha, 1 - alpha)

    def _cutout(self, scene: Scene) -> _Cutout:
        handle, medium = scene.photo or "", scene.medium
        key = (handle, medium, scene.turned_deg, scene.asleep)
        if key not in self._cutouts:
            photo = by_handle(handle)
            image = _load(photo, self._photos)
            if scene.asleep:
                x0, y0, x1, y1 = photo.eyes
                image = shut(image, ((x0, y0), (x1, y1)))
            cutout = _cut(image, photo, medium)
            self._cutouts[key] = _turned(cutout, scene.turned_deg, flat=bool(medium))
        return self._cutouts[key]

    def _generator(self, *names: str) -> np.random.Generator:
        text = "\x00".join((str(self._seed), str(self._lane), *names))
        digest = hashlib.sha256(text.encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def icao_portrait(photo: Photo, folder: Path) -> bytes:
    """The picture for a chip's DG2: 413 x 531 JPEG of at most about 15 kB.

    Raises:
        CameraError: the photograph is missing or cannot be decoded.
    """
    image = _load(photo, folder)
    left, top, right, bottom = photo.face
    scale = PORTRAIT_FACE_RATIO * PORTRAIT_WIDTH / (right - left)
    matrix = np.array(
        [
            [scale, 0, PORTRAIT_WIDTH / 2 - scale * (left + right) / 2],
            [0, scale, PORTRAIT_HEIGHT * 0.50 - scale * (top + bottom) / 2],
        ]
    )
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale).astype(np.uint8)
    framed = cv2.warpAffine(
        image,
        matrix,
        (PORTRAIT_WIDTH, PORTRAIT_HEIGHT),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)
    for quality in range(90, 30, -5):
        data = _jpeg(framed, quality)
        if len(data) <= PORTRAIT_MAX_BYTES:
            return data
    return data


def jpeg_2000(image: bytes) -> bytes:
    """The same picture as a JPEG 2000 file, as many states store their portraits.

    Raises:
        CameraError: it does not decode.
    """
    picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise CameraError("no picture to code")
    ok, data = cv2.imencode(".jp2", picture, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 60])
    if not ok:
        raise CameraError("the picture cannot be coded")
    return data.tobytes()


def _load(photo: Photo, folder: Path) -> Image:
    path = photo.path(folder)
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise CameraError(f"photograph {photo.handle} cannot be read: {error.strerror}") from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise CameraError(f"photograph {photo.handle} does not decode")
    return image.astype(np.uint8)


def _cut(image: Image, photo: Photo, medium: str) -> _Cutout:
    left, top, right, bottom = photo.face
    size = right - left
    x0, x1 = max(0, int(left - 0.9 * size)), min(image.shape[1], int(right + 0.9 * size))
    y0, y1 = max(0, int(top - 0.8 * size)), min(image.shape[0], int(bottom + 1.2 * size))
    scale = min(1.0, FACE_NEAR_PX * 1.1 / size)
    body: Any = cv2.resize(
        image[y0:y1, x0:x1], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    alpha: Any = np.ones(body.shape[:2], np.float32)
    if medium:
        border = max(4, int(0.06 * body.shape[1]))
        shade = 245 if medium == "print" else 18
        if medium == "screen":  # a backlight: cooler, flatter, and rows of pixels
            body = cv2.convertScaleAbs(body.astype(np.float32) * (0.92, 0.86, 0.80) + 24)
            body[::3] = cv2.convertScaleAbs(body[::3], alpha=0.93)
        body[:border], body[-border:], body[:, :border], body[:, -border:] = (shade,) * 4
    else:
        edge = max(3, int(0.12 * size * scale))
        alpha[:edge], alpha[-1:], alpha[:, :edge], alpha[:, -edge:] = 0, 0, 0, 0
        alpha = cv2.GaussianBlur(alpha, (0, 0), edge / 2)
    centre = (((left + right) / 2 - x0) * scale, ((top + bottom) / 2 - y0) * scale)
    return _Cutout(body.astype(np.uint8), alpha.astype(np.float32), size * scale, centre)


def shut(picture: Image, eyes: tuple[Point, Point], softness_px: float = 0.0) -> Image:
    """A copy with closed lids painted over both eyes.

    The eye gives way to the skin around it, and a line of lashes lies where the lids meet.

    Args:
        picture: colour, in either order of its channels.
        eyes: middles of the eyes' openings, the image's left first.
        softness_px: deviation of a blur over what was painted, for a soft photograph.
    """
    (x0, y0), (x1, y1) = eyes
    apart = math.hypot(x1 - x0, y1 - y0)
    turn = np.array([[x1 - x0, y1 - y0], [y0 - y1, x1 - x0]]) / max(apart, 1e-6)
    generator = np.random.default_rng(0)
    out = picture.copy()
    for middle in eyes:
        out = _shut_one(out, np.array(middle), turn, apart, softness_px, generator)
    return out


def painted(picture: Image, outline: NDArray[np.float64], colour: tuple[int, int, int]) -> Image:
    """A copy with a shape filled in; its outline is rows of x, y in pixels."""
    out = picture.copy()
    corners = np.asarray(np.round(outline * 2**_SUBPIXEL), np.int32)
    cv2.fillPoly(out, [corners], colour, cv2.LINE_AA, _SUBPIXEL)
    return out


def _shut_one(
    picture: Image,
    middle: NDArray[np.float64],
    turn: NDArray[np.float64],
    apart: float,
    softness_px: float,
    generator: np.random.Generator,
) -> Image:
    across = np.linspace(-1, 1, 17)
    bow = 1 - across**2
    upper = np.stack([across * HALF_WIDTH, -OVER * bow], 1)
    lower = np.stack([across * HALF_WIDTH, UNDER * bow], 1)[::-1]
    meeting = np.stack([across * HALF_WIDTH, LASHES_AT * bow], 1)
    opening = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(
        opening, [_placed(np.vstack([upper, lower]), middle, turn, apart)], 255, 8, _SUBPIXEL
    )
    skin: Any = cv2.inpaint(picture, opening, max(3.0, 0.08 * apart), cv2.INPAINT_TELEA)
    line = np.zeros(picture.shape[:2], np.float32)
    thick = max(1, round(LASHES_HIGH * apart))
    cv2.polylines(line, [_placed(meeting, middle, turn, apart)], False, 1.0, thick, 16, _SUBPIXEL)
    lashes: Any = cv2.GaussianBlur(line, (0, 0), max(0.5, 0.012 * apart))
    shade = 1 - LASHES_DARK * np.clip(lashes, 0, 1)[..., None]
    grain = generator.normal(0, GRAIN, picture.shape) * (opening > 0)[..., None]
    painted: Image = np.clip(skin * shade + grain, 0, 255).astype(np.uint8)
    if not softness_px:
        return painted
    soft = cv2.GaussianBlur(painted, (0, 0), softness_px)
    near: Any = cv2.dilate(opening, np.ones((5, 5), np.uint8))
    return np.asarray(np.where(near[..., None] > 0, soft, painted), np.uint8)


def _placed(
    points: NDArray[np.float64],
    middle: NDArray[np.float64],
    turn: NDArray[np.float64],
    apart: float,
) -> NDArray[np.int32]:
    """Points of an eye's own frame in the picture, in sixteenths of a pixel."""
    return np.asarray(np.round((points @ turn * apart + middle) * 2**_SUBPIXEL), np.int32)


def _turned(cutout: _Cutout, degrees: float, *, flat: bool) -> _Cutout:
    """The face turned to the picture's right; what stands before the plane goes ahead."""
    if not degrees:
        return cutout
    turn = math.radians(degrees)
    x, y = cutout.centre
    rows, columns = np.mgrid[0 : cutout.image.shape[0], 0 : cutout.image.shape[1]]
    across = (columns - x).astype(np.float32) / np.float32(math.cos(turn))
    if not flat:
        reach = 0.30 * cutout.face_px
        depth = np.exp(-(((columns - x) / reach) ** 2) - ((rows - y) / reach) ** 2)
        across -= (NOSE_DEPTH * cutout.face_px * math.tan(turn) * depth).astype(np.float32)
    source, down = (across + x).astype(np.float32), rows.astype(np.float32)
    image: Any = cv2.remap(cutout.image, source, down, cv2.INTER_LINEAR)
    alpha: Any = cv2.remap(cutout.alpha, source, down, cv2.INTER_LINEAR)
    return cutout._replace(image=np.asarray(image, np.uint8), alpha=np.asarray(alpha, np.float32))


def _hall(lane: int) -> Image:
    """An empty hall: wall, floor, a door frame; each lane a little different."""
    rows = np.linspace(0.0, 1.0, HEIGHT)[:, None, None]
    top, bottom = np.array([196.0, 190.0, 182.0]), np.array([150.0, 152.0, 158.0])
    canvas = np.broadcast_to(top * (1 - rows) + bottom * rows, (HEIGHT, WIDTH, 3)).copy()
    image = canvas.astype(np.uint8)
    cv2.rectangle(image, (0, int(HEIGHT * 0.86)), (WIDTH, HEIGHT), (112, 116, 122), -1)
    shift = 40 * (lane % 5)
    cv2.rectangle(image, (150 + shift, 120), (330 + shift, int(HEIGHT * 0.86)), (170, 164, 156), -1)
    cv2.rectangle(image, (990 - shift, 90), (1180 - shift, int(HEIGHT * 0.86)), (178, 172, 160), -1)
    return cv2.GaussianBlur(image, (0, 0), 4).astype(np.uint8)


def _bounds(matrix: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Where a warped picture lies on the canvas: left, top, right, bottom."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T
    xs, ys = matrix @ corners
    left, right = max(0, math.floor(xs.min())), min(WIDTH, math.ceil(xs.max()))
    top, bottom = max(0, math.floor(ys.min())), min(HEIGHT, math.ceil(ys.max()))
    return left, top, right, bottom


def _noisy(image: Any, generator: np.random.Generator) -> Image:
    """Sensor noise: even, of a few grey levels."""
    grain = np.frombuffer(generator.bytes(image.size), np.uint8).reshape(image.shape) >> 5
    return cv2.subtract(cv2.add(image, grain), np.full_like(image, 4)).astype(np.uint8)


def _jpeg(image: Image, quality: int) -> bytes:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise CameraError("a frame could not be encoded")
    return bytes(data.tobytes())
