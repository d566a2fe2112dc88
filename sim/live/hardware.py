"""The simulated hardware of one lane in real time: serial ports, camera, people.

One process: a select loop for the lane, a thread for the camera, because a bus that waits
for a picture to be drawn looks like a bus that is broken. Reader, PN532 and turnstile
stand behind pseudo-terminals with stable paths, the camera behind motion JPEG on loopback;
the unmodified agent sees no difference. The ports stay when other processes die. Travellers see
the lane's display through the lane API in the role STATUS, which knows no names.

In the run directory `mrz`, `chip` and `turnstile` are the serial ports.
"""

from __future__ import annotations

import json
import logging
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from firmware_cfg.turnstile import Turnstile
from gate_agent import live
from gate_agent.lane_api.api import Role, Step
from gate_agent.lane_api.client import LaneAway, LaneClient
from sim.chip.pki import Country
from sim.devices.camera import EMPTY, Scene, SceneRenderer, icao_portrait
from sim.devices.mjpeg import MjpegServer
from sim.devices.photos import another_person, by_handle, live_counterpart, missing
from sim.lane.compose import DRIVERS, stage_of
from sim.lane.fault_actions import Reach
from sim.lane.fault_schedule import FaultScheduler
from sim.lane.fault_table import check_faults
from sim.live.setup import demo_country
from sim.people.cast import Passport, issue_passport
from sim.people.play import Play
from sim.scenario.scenario import Scenario, ScenarioError
from sim.scenario.traveller import Face, Traveller
from sim.wires.kernel import MS, SECOND, Kernel
from sim.wires.links import Peer
from sim.wires.pty import Pty

log = logging.getLogger("egate.hardware")

FPS = 8
MAX_WAIT_NS = 250 * MS
RECONNECT_NS = 500 * MS
FADE_NS = 3 * SECOND
EXIT_BROKEN = 2
JOIN_S = 2.0

Random = Callable[[int], bytes]
Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class HardwarePlace:
    """What one lane's hardware is given.

    Attributes:
        run_dir: for the serial ports' paths.
        country: issued every genuine passport.
        photographs: folder of the photographs (`sim.devices.photos.fetch`).
        camera_port: TCP port of the camera; 0 takes any.
        go: travellers come once this file is there; None lets them come at once.
        lane_socket: the agent's lane API, None where travellers see the lamp alone.
        status_key: key of the role STATUS.
    """

    run_dir: Path
    country: Country
    photographs: Path
    camera_port: int = 0
    go: Path | None = None
    lane_socket: Path | None = None
    status_key: bytes = b""


class Display:
    """The lane's display as people see it: its step, through the lane API."""

    def __init__(self, place: HardwarePlace) -> None:
        self._socket = place.lane_socket
        self._key = place.status_key
        self._client: LaneClient | None = None
        self._retry_ns = 0
        self._last = Step.CLOSED
        self._fades_ns = 0

    @property
    def step(self) -> Step | None:
        """The step shown, CLOSED once the agent is away for long, None without a display."""
        return None if self._socket is None else self._last

    def fileno(self) -> int | None:
        """To wait on, None while not connected."""
        return self._client.fileno() if self._client is not None else None

    def tend(self, now_ns: int) -> None:
        """Connect if need be, and read what has come."""
        if self._socket is None:
            return
        try:
            if self._client is None:
                if now_ns < self._retry_ns:
                    return
                self._retry_ns = now_ns + RECONNECT_NS
                self._client = LaneClient(self._socket, Role.STATUS, self._key)
            self._client.receive()
            view = self._client.view
            if view is not None:
                self._last = view.step
                self._fades_ns = now_ns + FADE_NS
        except LaneAway:
            self.close()
        if now_ns >= self._fades_ns:
            self._last = Step.CLOSED

    def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.close()
            self._client = None


class Hardware:
    """One lane's hardware and its travellers.

    `turn` is one round of the select loop; `film` is the camera, for a thread of its own.
    """

    def __init__(
        self,
        scenario: Scenario,
        lane: int,
        place: HardwarePlace,
        random: Random,
        *,
        endless: bool,
        say: Say,
    ) -> None:
        self._scenario = scenario
        self._lane = lane
        self._place = place
        self._endless = endless
        self._say = say
        self._present: Traveller | None = None
        self._played = False
        self._noted = (0, 0)  # releases, passages
        self.play: Play | None = None
        check_faults(scenario, scenario.title, real_time=True)
        (lane_plan,) = (one for one in scenario.lanes if one.number == lane)
        if lane_plan.column:
            problem = "a camera column is for the virtual clock only"
            raise ScenarioError(scenario.title, "$.lanes", problem)
        plant = msgspec.convert(
            {"port": "turnstile", "driver": DRIVERS[lane_plan.plant]}, Turnstile
        )
        self.stage = stage_of(lane_plan.topology)(plant, random, lambda _port: None)
        self._renderer = SceneRenderer(place.photographs, scenario.seed, lane)
        self.camera = MjpegServer(self._frame, fps=FPS, port=place.camera_port)
        self._display = Display(place)
        # Made before anyone comes: a bus that waits for it would look like a broken one.
        cast = scenario.cast(lane)
        self._passports = {traveller.name: self._issue(traveller) for traveller in cast}
        for traveller in cast:
            self._renderer.prepare(scene_of(traveller.face, traveller.document.portrait, 1.0))
        peers: dict[str, Peer] = {
            "mrz": self.stage.mrz,
            "chip": self.stage.chip,
            "turnstile": self.stage.bus,
        }
        self._clock = Kernel()
        self._faults: FaultScheduler | None = None
        self._shown: Step | None = None
        self._ports = [(peer, Pty(place.run_dir / name)) for name, peer in peers.items()]

    def turn(self, clock: Callable[[], int]) -> None:
        """Do what is due, then wait for bytes or for the next thing that is due."""
        now_ns = clock()
        self._display.tend(now_ns)
        self._people(now_ns)
        self._break(now_ns)
        for peer, pty in self._ports:
            if peer.due_ns is not None and peer.due_ns <= now_ns:
                peer.expire(now_ns)
            pty.write(peer.output())
        self._note(now_ns)
        readable = self._wait(clock())
        now_ns = clock()
        for peer, pty in self._ports:
            if pty.fileno() in readable:
                peer.receive(pty.read(), now_ns)
                pty.write(peer.output())

    def film(self, clock: Callable[[], int], stop: Callable[[], bool]) -> None:
        """Serve the camera until it is stopped."""
        try:
            while not stop():
                due_ns, now_ns = self.camera.due_ns, clock()
                if due_ns is not None and due_ns <= now_ns:
                    self.camera.expire(now_ns)
                wait_ns = MAX_WAIT_NS if due_ns is None else max(0, due_ns - now_ns)
                if select.select([self.camera], [], [], min(wait_ns, MAX_WAIT_NS) / SECOND)[0]:
                    self.camera.ready()
        finally:
            self.camera.close()

    def close(self) -> None:
        """Hang up the serial ports and the display."""
        self._display.close()
        for _, pty in self._ports:
            pty.close()

    def _note(self, now_ns: int) -> None:
        """Log what the turnstile did: a witness that does not depend on the agent."""
        stage, before = self.stage, self._noted
        self._noted = (stage.releases, stage.passed)
        if stage.releases != before[0]:
            log.info("released at_ns=%d", now_ns)
        if stage.passed != before[1]:
            log.info("passed persons=%d at_ns=%d", stage.passed - before[1], now_ns)

    def _wait(self, now_ns: int) -> set[int]:
        dues = [peer.due_ns for peer, _ in self._ports]
        dues.append(now_ns + MAX_WAIT_NS)
        if self.play is not None:
            dues.append(self.play.due_ns)
        wait_ns = max(0, min(due for due in dues if due is not None) - now_ns)
        descriptors = [pty.fileno() for _, pty in self._ports]
        display = self._display.fileno()
        if display is not None:
            descriptors.append(display)
        readable, _, _ = select.select(descriptors, [], [], wait_ns / SECOND)
        return set(readable)

    def _people(self, now_ns: int) -> None:
        if self.play is None:
            if self._place.go is not None and not self._place.go.exists():
                return
            cast, seed = self._scenario.cast(self._lane), self._scenario.seed
            self._faults = self._plan_faults(now_ns)
            self.play = Play(cast, self._carried, self.stage, seed, now_ns, endless=self._endless)
        play = self.play
        if play.due_ns is not None and play.due_ns <= now_ns:
            left = play.expire(now_ns, self._display.step)
            self._report_present(play.present)
            if left is not None:
                self._say({"event": "left", "traveller": left.traveller.name})
        if play.over and not self._played:
            self._played = True
            self._say({"event": "played"})

    def _plan_faults(self, now_ns: int) -> FaultScheduler:
        """The scenario begins: the faults of this hardware come at their times."""
        self._clock = Kernel(now_ns)
        reach = Reach(
            seed=self._scenario.seed,
            at=self._clock.at,
            stages={self._lane: self.stage},
            operations={},
            computers={},
        )
        return FaultScheduler(self._scenario.faults, now_ns, reach)

    def _break(self, now_ns: int) -> None:
        """Begin and end the faults that are due."""
        step = self._display.step
        if self._faults is not None and step is not None and step is not self._shown:
            self._faults.on_step(self._lane, step.value, now_ns)
        self._shown = step
        self._clock.run(now_ns)

    def _report_present(self, present: Traveller | None) -> None:
        if present is not None and present is not self._present:
            self._say({"event": "arrived", "traveller": present.name})
        self._present = present

    def _carried(self, traveller: Traveller) -> Passport:
        return self._passports[traveller.name]

    def _issue(self, traveller: Traveller) -> Passport:
        photo = by_handle(traveller.document.portrait)
        portrait = icao_portrait(photo, self._place.photographs)
        return issue_passport(traveller, self._place.country, portrait)

    def _frame(self, now_ns: int) -> bytes:
        stand = self.stage.stand
        scene = EMPTY
        if stand is not None and not self.stage.dark:
            scene = scene_of(stand.face, stand.portrait, stand.approach(now_ns))
        return self._renderer.render(scene, now_ns * FPS // SECOND)


def scene_of(face: Face, portrait: str, approach: float) -> Scene:
    """What the camera sees of a traveller with this portrait in their passport."""
    photo = live_counterpart(portrait)
    if face.live == "other":
        photo = another_person(portrait)
    elif face.live in ("print", "replay"):
        photo = by_handle(portrait)
    return Scene(
        photo.handle,
        approach,
        printed=face.live == "print",
        people=face.faces,
        replayed=face.live == "replay",
    )


def run_hardware(
    scenario: Scenario,
    lane: int,
    *,
    run_dir: Path,
    seed: bytes,
    photographs: Path,
    camera_port: int,
    go: Path | None,
    status_key: bytes,
    once: bool,
) -> int:
    """Be one lane's hardware until it is stopped; give the exit code.

    On standard output, one JSON object a line: `started` with `camera_port`, `arrived`
    and `left` with `traveller` (the scenario's invented name), `played` when the cast is
    through. The hardware stays after that.

    Args:
        scenario: its cast and seed.
        lane: which of its lanes.
        run_dir: for the serial ports; the agent's `lane.sock` is looked for there.
        seed: of the demo country's keys (`sim.live.setup.demo_country`).
        photographs: folder of the photographs.
        camera_port: TCP port of the camera; 0 takes any.
        go: travellers come once this file is there.
        status_key: key of the lane API's role STATUS.
        once: play the cast once instead of over and over.
    """
    stop = live.stop_on_sigterm()
    place = HardwarePlace(
        run_dir=run_dir,
        country=demo_country(seed, live.utc_now()),
        photographs=photographs,
        camera_port=camera_port,
        go=go,
        lane_socket=run_dir / "lane.sock",
        status_key=status_key,
    )
    absent = missing(photographs)
    if absent:
        handles = ", ".join(photo.handle for photo in absent)
        sys.stderr.write(f"lane {lane}: photographs {handles} are not in {photographs}\n")
        return EXIT_BROKEN
    try:
        hardware = Hardware(scenario, lane, place, live.system_random, endless=not once, say=_say)
    except OSError as error:
        sys.stderr.write(f"lane {lane}: the hardware cannot start: {error}\n")
        return EXIT_BROKEN
    filming = live.spawn("camera", lambda: hardware.film(live.monotonic_ns, stop.is_set))
    try:
        _say({"event": "started", "camera_port": hardware.camera.port})
        while not stop.is_set():
            hardware.turn(live.monotonic_ns)
    finally:
        hardware.close()
    filming.join(JOIN_S)
    return 0


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
