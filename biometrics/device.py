"""Vision as a device: takes commands and camera frames, answers with events.

It owns no thread, socket or clock; the vision process repeats:

    device.command(command, payload, now_ns)   for every command that arrived
    if device.wants_frame: device.step(frame, frame_at_ns, now_ns)   with the newest frame
    device.expire(now_ns)                       whenever device.due_ns has come
    for event in device.events(): report it

`step` and a `Prepare` block for as long as the models take (tens to hundreds of
milliseconds), which is why vision is a process of its own. Nothing waits for a frame: a
verification without frames ends by its own deadline.

What a crossing leaves here (portrait, template, last live picture) lies in buffers that
`wipe` overwrites; at most `MAX_CROSSINGS` are held, the oldest gives way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from biometrics import image, portrait
from biometrics.dlib_models import Box
from biometrics.errors import ImageRefused, PortraitMalformed
from biometrics.image import Picture
from biometrics.match import Template
from biometrics.pipeline import Pipeline, Unusable
from biometrics.track import Track
from biometrics.types import (
    Observed,
    PortraitPrepared,
    Prepare,
    StartVerify,
    StopVerify,
    VerifyEnded,
    VerifyLimits,
)

MAX_CROSSINGS = 2
MAX_VIEW_PX = 480
VIEW_MARGIN = 0.6  # of the face's size, added around it for an officer's picture

Command = Prepare | StartVerify | StopVerify
Event = PortraitPrepared | Observed | VerifyEnded
Frame = bytes | Picture


@dataclass
class _Crossing:
    """What is held for one ticket."""

    portrait: Picture | None = None
    template: Template | None = None
    live: Picture | None = None

    def wipe(self) -> None:
        for picture in (self.portrait, self.live):
            if picture is not None:
                picture.fill(0)
        if self.template is not None:
            self.template.wipe()
        self.portrait = self.live = self.template = None

    def show(self, live: Picture) -> None:
        if self.live is not None:
            self.live.fill(0)
        self.live = live


@dataclass
class _Verification:
    """A verification under way."""

    ticket: int
    limits: VerifyLimits
    end_ns: int
    track: Track
    frames: int = 0
    dropped: int = 0


class VisionDevice:
    """Prepares references and verifies live faces against them.

    Args:
        pipeline: makes the loaded models; called once, here.
        frame_age_max_ms: an older frame is not evidence and is dropped.

    Attributes:
        face_place: where the face was in the newest frame: middle from the top, and height, as
            shares of the picture; None when there was none.

    Raises:
        BiometricFault: the models cannot be loaded.
    """

    def __init__(self, pipeline: Callable[[], Pipeline], frame_age_max_ms: int) -> None:
        self._pipeline = pipeline()
        self._frame_age_max_ns = frame_age_max_ms * 1_000_000
        self._crossings: dict[int, _Crossing] = {}
        self._verification: _Verification | None = None
        self._events: list[Event] = []
        self.face_place: tuple[float, float] | None = None

    @property
    def finds_attacks(self) -> bool:
        """Whether a model for presentation attacks is installed."""
        return self._pipeline.models.pad

    @property
    def wants_frame(self) -> bool:
        """Whether `step` should be given the newest frame."""
        return self._verification is not None

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None when nothing is awaited."""
        return self._verification.end_ns if self._verification else None

    def events(self) -> list[Event]:
        """Take what happened, in order; the list is empty afterwards."""
        taken, self._events = self._events, []
        return taken

    def command(self, command: Command, payload: Mapping[str, bytearray], now_ns: int) -> None:
        """Carry out one command. `payload` maps the portrait's handle to a whole DG2.

        A DG2 is overwritten before this returns.

        Raises:
            Uncalibrated: `StartVerify` asks for a rate that no threshold is calibrated for.
        """
        if isinstance(command, Prepare):
            self._prepare(command, payload.get(command.portrait, bytearray()))
        elif isinstance(command, StartVerify):
            self._start(command, now_ns)
        elif self._verification and self._verification.ticket == command.ticket:
            self._end()

    def _hold(self, ticket: int) -> _Crossing:
        if ticket not in self._crossings:
            while len(self._crossings) >= MAX_CROSSINGS:
                self.wipe(next(iter(self._crossings)))
            self._crossings[ticket] = _Crossing()
        return self._crossings[ticket]

    def _prepare(self, command: Prepare, dg2: bytearray) -> None:
        self.wipe(command.ticket)
        crossing = self._hold(command.ticket)
        detail = ""
        try:
            crossing.portrait = portrait.decode(dg2)
            made = self._pipeline.reference(crossing.portrait)
        except PortraitMalformed as refusal:
            detail = refusal.diagnosis
        else:
            if isinstance(made, Unusable):
                detail = made.reason
            else:
                crossing.template = made
        finally:
            dg2[:] = bytes(len(dg2))
        self._events.append(
            PortraitPrepared(
                ticket=command.ticket,
                usable=crossing.template is not None,
                models=self._pipeline.models,
                detail=detail,
            )
        )

    def _start(self, command: StartVerify, now_ns: int) -> None:
        self._pipeline.threshold(command.limits.fmr)
        if self._verification:
            self._end()
        self._hold(command.ticket)
        end_ns = now_ns + command.limits.budget_ms * 1_000_000
        track = Track(self._pipeline.calibration)
        self._verification = _Verification(command.ticket, command.limits, end_ns, track)

    def _end(self) -> None:
        run = self._verification
        if run is None:
            return
        self._verification = None
        run.track.wipe()
        cohort = run.track.cohort_count
        self._events.append(
            VerifyEnded(
                ticket=run.ticket,
                frames=run.frames,
                dropped=run.dropped,
                impostor_comparisons=cohort.comparisons,
                impostor_matches=cohort.matches,
            )
        )

    def expire(self, now_ns: int) -> None:
        """End a verification whose time has passed."""
        if self._verification and now_ns >= self._verification.end_ns:
            self._end()

    def step(self, frame: Frame, frame_at_ns: int, now_ns: int) -> None:
        """Look at one frame (coded bytes or RGB) for the running verification, if any.

        A frame that is too old, or taken after now, or that does not decode is counted as
        dropped. One whose budget ran out is reported with what was found until then, and
        counted as dropped as well. An RGB frame is overwritten before this returns.
        """
        self.expire(now_ns)
        run = self._verification
        if run is None:
            return
        if not 0 <= now_ns - frame_at_ns <= self._frame_age_max_ns:
            run.dropped += 1
            return
        crossing = self._hold(run.ticket)
        budget_ns = min(run.limits.frame_budget_ms * 1_000_000, run.end_ns - now_ns)
        try:
            picture = image.decode(frame) if isinstance(frame, bytes) else frame
        except ImageRefused:
            run.dropped += 1
            return
        look = self._pipeline.observe(
            picture, frame_at_ns, crossing.template, run.limits.fmr, budget_ns, run.track
        )
        run.frames += 1
        run.dropped += look.overrun
        self.face_place = _place(picture, look.box)
        crossing.show(_view(picture, look.box))
        if picture.flags.writeable:
            picture.fill(0)
        self._events.append(Observed(ticket=run.ticket, observation=look.observation))

    def picture(self, ticket: int, kind: str) -> bytes:
        """JPEG of the `live` face or the `chip` portrait for an authorised viewer.

        Empty when there is nothing to show.
        """
        crossing = self._crossings.get(ticket)
        if crossing is None:
            return b""
        shown = {"live": crossing.live, "chip": crossing.portrait}.get(kind)
        return b"" if shown is None else image.encode_jpeg(_fit(shown))

    def wipe(self, ticket: int) -> None:
        """Overwrite and drop everything held for this ticket; its verification ends."""
        if self._verification and self._verification.ticket == ticket:
            self._end()
        crossing = self._crossings.pop(ticket, None)
        if crossing is not None:
            crossing.wipe()


def _fit(picture: Picture) -> Picture:
    rows, columns = picture.shape[:2]
    scale = min(1.0, MAX_VIEW_PX / max(rows, columns))
    return image.resize(picture, max(1, round(columns * scale)), max(1, round(rows * scale)))


def _place(picture: Picture, box: Box | None) -> tuple[float, float] | None:
    """Middle from the top and height of a face, as shares of the picture: for the column."""
    if box is None:
        return None
    rows = picture.shape[0]
    return (box.top + box.bottom) / 2 / rows, (box.bottom - box.top) / rows


def _view(picture: Picture, box: Box | None) -> Picture:
    """The surroundings of the face as a copy of their own; the whole frame without a face."""
    if box is None:
        return _fit(picture).copy()
    rows, columns = picture.shape[:2]
    margin = VIEW_MARGIN * max(box.right - box.left, box.bottom - box.top)
    left, top = max(0, round(box.left - margin)), max(0, round(box.top - margin))
    right, low = min(columns, round(box.right + margin)), min(rows, round(box.bottom + margin))
    if left >= right or top >= low:
        return _fit(picture).copy()
    return _fit(picture[top:low, left:right]).copy()
