"""The simulated hardware of one lane in real time: serial ports, camera, people.

One process, one select loop. Reader, PN532 and turnstile stand behind pseudo-terminals
with stable paths, the camera behind motion JPEG on loopback; the unmodified agent cannot
tell. The ports stay when other processes die. Travellers see the lane's display through
the lane API in the role STATUS, which knows nobody's name.

On the paths `mrz`, `chip` and `turnstile` in the run directory are the serial ports.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_cfg.profile import Turnstile
from gate_agent.lane_api import Role, Step
from gate_agent.lane_client import LaneAway, LaneClient
from sim.camera import EMPTY, Scene, SceneRenderer, icao_portrait
from sim.cast import Passport, issue_passport, open_issuer
from sim.kernel import MS, SECOND
from sim.links import Peer
from sim.mjpeg import MjpegServer
from sim.photos import by_handle, live_counterpart, somebody_else
from sim.play import Play
from sim.pty import Pty
from sim.scenario import Face, Scenario, Traveller
from sim.stage import Stage

FPS = 8
MAX_WAIT_NS = 250 * MS
RECONNECT_NS = 500 * MS

Random = Callable[[int], bytes]
Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class HardwarePlace:
    """Where one lane's hardware lives.

    Attributes:
        run_dir: for the serial ports' paths.
        issuer: folder of the demo country (`sim.cast.found_issuer`).
        photos: folder of the photographs (`sim.photos.fetch`).
        camera_port: TCP port of the camera; 0 takes any.
        lane_socket: the agent's lane API, None where travellers see the lamp alone.
        status_key: key file of the role STATUS, with `lane_socket`.
    """

    run_dir: Path
    issuer: Path
    photos: Path
    camera_port: int = 0
    lane_socket: Path | None = None
    status_key: Path | None = None


class Display:
    """The lane's display as people see it: its step, through the lane API."""

    def __init__(self, place: HardwarePlace) -> None:
        self._socket = place.lane_socket
        self._key = place.status_key
        self._client: LaneClient | None = None
        self._retry_ns = 0

    @property
    def step(self) -> Step | None:
        """The step shown; CLOSED while the agent is away, None without a display."""
        if self._socket is None:
            return None
        view = self._client.view if self._client is not None else None
        return view.step if view is not None else Step.CLOSED

    def fileno(self) -> int | None:
        """To wait on, None while not connected."""
        return self._client.fileno() if self._client is not None else None

    def tend(self, now_ns: int) -> None:
        """Connect if need be, and read what has come."""
        if self._socket is None or self._key is None:
            return
        try:
            if self._client is None:
                if now_ns < self._retry_ns:
                    return
                self._retry_ns = now_ns + RECONNECT_NS
                self._client = LaneClient(self._socket, Role.STATUS, self._key.read_bytes())
            self._client.receive()
        except (LaneAway, FileNotFoundError):
            self.close()

    def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.close()
            self._client = None


class Hardware:
    """One lane's hardware and its travellers; `turn` is one round of the select loop."""

    def __init__(
        self,
        scenario: Scenario,
        lane: int,
        place: HardwarePlace,
        random: Random,
        now_ns: int,
        *,
        endless: bool,
        say: Say,
    ) -> None:
        self._lane = lane
        self._say = say
        self._now_ns = now_ns
        self._present: Traveller | None = None
        self._over = False
        country = open_issuer(place.issuer)

        def passport(traveller: Traveller) -> Passport:
            portrait = icao_portrait(by_handle(traveller.document.portrait), place.photos)
            return issue_passport(traveller, country, portrait)

        self.stage = Stage(Turnstile(port="turnstile"), random, lambda _port: None)
        self.play = Play(
            scenario.cast(lane), passport, self.stage, scenario.seed, now_ns, endless=endless
        )
        self._renderer = SceneRenderer(place.photos, scenario.seed, lane)
        self.camera = MjpegServer(self._frame, fps=FPS, port=place.camera_port)
        self._display = Display(place)
        peers: dict[str, Peer] = {
            "mrz": self.stage.mrz,
            "chip": self.stage.chip,
            "turnstile": self.stage.turnstile,
        }
        self._ports = [(peer, Pty(place.run_dir / name)) for name, peer in peers.items()]

    def turn(self, clock: Callable[[], int]) -> None:
        """Do what is due, then wait for bytes or for the next thing that is due."""
        now_ns = self._now_ns = clock()
        self._display.tend(now_ns)
        self._people(now_ns)
        for peer, pty in self._ports:
            if peer.due_ns is not None and peer.due_ns <= now_ns:
                peer.expire(now_ns)
            pty.write(peer.output())
        if self.camera.due_ns is not None:
            self.camera.expire(now_ns)
        readable = self._wait(clock())
        now_ns = self._now_ns = clock()
        if self.camera.fileno() in readable:
            self.camera.ready()
        for peer, pty in self._ports:
            if pty.fileno() in readable:
                peer.receive(pty.read(), now_ns)
                pty.write(peer.output())

    def close(self) -> None:
        """Hang up everything."""
        self._display.close()
        self.camera.close()
        for _, pty in self._ports:
            pty.close()

    def _wait(self, now_ns: int) -> set[int]:
        dues = [peer.due_ns for peer, _ in self._ports]
        dues += [self.play.due_ns, self.camera.due_ns, now_ns + MAX_WAIT_NS]
        wait_ns = max(0, min(due for due in dues if due is not None) - now_ns)
        descriptors = [pty.fileno() for _, pty in self._ports]
        descriptors.append(self.camera.fileno())
        display = self._display.fileno()
        if display is not None:
            descriptors.append(display)
        readable, _, _ = select.select(descriptors, [], [], wait_ns / SECOND)
        return set(readable)

    def _people(self, now_ns: int) -> None:
        due_ns = self.play.due_ns
        if due_ns is None or due_ns > now_ns:
            return
        left = self.play.expire(now_ns, self._display.step)
        present = self.play.present
        if present is not None and present is not self._present:
            self._say({"event": "arrived", "lane": self._lane, "name": present.name})
        self._present = present
        if left is not None:
            self._say({"event": "left", "lane": self._lane, "name": left.traveller.name})
        if self.play.over and not self._over:
            self._over = True
            self._say({"event": "cast_over", "lane": self._lane})

    def _frame(self, now_ns: int) -> bytes:
        stand = self.stage.stand
        scene = EMPTY
        if stand is not None:
            scene = scene_of(stand.face, stand.portrait, stand.approach(now_ns))
        return self._renderer.render(scene, now_ns * FPS // SECOND)


def scene_of(face: Face, portrait: str, approach: float) -> Scene:
    """What the camera sees of a traveller with this portrait in their passport."""
    photo = live_counterpart(portrait)
    if face.live == "other":
        photo = somebody_else(portrait)
    elif face.live == "print":
        photo = by_handle(portrait)
    people = face.faces
    return Scene(photo.handle, approach, printed=face.live == "print", people=people)


def run_hardware(
    scenario: Scenario,
    lane: int,
    place: HardwarePlace,
    *,
    stop: Callable[[], bool],
    clock: Callable[[], int],
    random: Random,
    endless: bool,
    say: Say,
) -> None:
    """Be one lane's hardware until told to stop; the cast plays once, or over and over.

    Args:
        scenario: its cast and seed.
        lane: which of its lanes.
        place: where ports, keys and photographs are.
        stop: asked several times a second.
        clock: monotonic nanoseconds.
        random: for the chips and the PN532.
        endless: begin again when the cast is through.
        say: takes what is worth telling: `started` (with `camera_port`), `arrived`,
            `left`, `cast_over`; names are the scenario's invented ones.

    Raises:
        CameraError: a photograph is missing or does not decode.
        OSError: a port, path or key cannot be used.
    """
    hardware = Hardware(scenario, lane, place, random, clock(), endless=endless, say=say)
    try:
        say({"event": "started", "lane": lane, "camera_port": hardware.camera.port})
        while not stop():
            hardware.turn(clock)
    finally:
        hardware.close()
