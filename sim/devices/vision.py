"""Vision on the virtual clock: the same tickets, timings and events, outputs by scenario.

No picture is decoded. What the models would say of the traveller before the camera is in
the scenario; a little noise comes from the traveller's own stream of chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from biometrics.types import (
    Guidance,
    Liveness,
    LivenessState,
    Match,
    ModelsUsed,
    Observation,
    Observed,
    PortraitPrepared,
    Prepare,
    QualityComponent,
    StartVerify,
    StopVerify,
    Tier,
    VerifyEnded,
)
from drivers.camera.aim import FacePosition
from sim.devices.column_view import FacePlace
from sim.scenario.traveller import Face
from sim.wires.kernel import MS, Alarm, Kernel

PREPARE_NS = 180 * MS
FRAME_NS = 125 * MS
THRESHOLD = 0.62
SCORES = {"same": 0.83, "other": 0.21, "print": 0.80, "replay": 0.80}
MODELS = ModelsUsed(tier=Tier.PACKAGED, sha256={}, pad=False)

VisionEvent = PortraitPrepared | Observed | VerifyEnded
VisionCommand = Prepare | StartVerify | StopVerify


class SeenTraveller(NamedTuple):
    """The traveller before the camera.

    `place` is where the picture shows the face, at a camera on a column; None where the camera
    sees every face whole.
    """

    face: Face
    rng: random.Random
    place: FacePlace | None = None


class SimVision:
    """Vision of one lane, on the heap.

    Args:
        kernel: the virtual clock.
        look: who is before the camera now.
        emit: takes what vision reports.
        usable: whether the portrait read last could be decoded.
        follow: takes where a face is in a picture, for the camera column.
    """

    def __init__(
        self,
        kernel: Kernel,
        look: Callable[[], SeenTraveller | None],
        emit: Callable[[VisionEvent], None],
        usable: Callable[[], bool] = lambda: True,
        follow: Callable[[FacePosition, int], None] = lambda _place, _now_ns: None,
    ) -> None:
        self._kernel = kernel
        self._look = look
        self._emit = emit
        self._usable = usable
        self._follow = follow
        self._ticket = 0
        self._frames = 0
        self._settled = 0
        self._until_ns = 0
        self._fmr = 0.0
        self._alarm: Alarm | None = None

    def command(self, command: VisionCommand, now_ns: int) -> None:
        """Carry out one command."""
        match command:
            case Prepare(ticket=ticket):
                self._kernel.at(now_ns + PREPARE_NS, lambda _: self._prepared(ticket))
            case StartVerify(ticket=ticket, limits=limits):
                self._end()
                self._ticket = ticket
                self._frames = self._settled = 0
                self._until_ns = now_ns + limits.budget_ms * MS
                self._fmr = limits.fmr
                self._alarm = self._kernel.at(now_ns + FRAME_NS, self._frame)
            case StopVerify(ticket=ticket):
                if ticket == self._ticket:
                    self._end()

    def stop(self) -> None:
        """The process is gone, and says nothing more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def wipe(self, ticket: int) -> None:
        """Drop what is held for a ticket."""
        if ticket == self._ticket:
            self._end()

    def _prepared(self, ticket: int) -> None:
        self._emit(PortraitPrepared(ticket=ticket, usable=self._usable(), models=MODELS))

    def _frame(self, now_ns: int) -> None:
        if now_ns >= self._until_ns:
            self._end()
            return
        self._frames += 1
        observation = self._observe(now_ns)
        self._emit(Observed(ticket=self._ticket, observation=observation))
        self._alarm = self._kernel.at(now_ns + FRAME_NS, self._frame)

    def _observe(self, now_ns: int) -> Observation:
        seen = self._look()
        if seen is None or seen.face.faces == 0:
            return Observation(
                frame_at_ns=now_ns,
                faces=0,
                quality=(),
                guidance=Guidance.NO_FACE,
                liveness=Liveness(state=LivenessState.NOT_RUN),
                match=None,
            )
        face = seen.face
        whole = seen.place is None or seen.place.whole
        if seen.place is not None:
            self._follow(seen.place.seen, now_ns)
        self._settled += whole
        good = whole and self._settled > face.settle_frames
        sharpness = seen.rng.randrange(60, 90) if good else seen.rng.randrange(5, 15)
        quality = (
            QualityComponent(id="sharpness", native=float(sharpness), value=sharpness, ok=good),
        )
        attack = good and face.live in ("print", "replay")
        liveness = Liveness(state=LivenessState.ATTACK if attack else LivenessState.NOT_RUN)
        return Observation(
            frame_at_ns=now_ns,
            faces=face.faces,
            quality=quality,
            guidance=Guidance.NONE if good else Guidance.HOLD_STILL,
            liveness=liveness,
            match=self._match(seen) if good else None,
        )

    def _match(self, seen: SeenTraveller) -> Match:
        centre = seen.face.score if seen.face.score is not None else SCORES[seen.face.live]
        noise = seen.rng.randrange(-20, 21) / 1_000
        return Match(score=round(centre + noise, 3), threshold=THRESHOLD, fmr=self._fmr)

    def _end(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
            self._emit(VerifyEnded(ticket=self._ticket, frames=self._frames, dropped=0))
