"""The turnstile of the lane behind a Modbus RTU line, as a sans-IO `drivers.ports.Machine`.

One job at a time talks to the master: identify, poll, release the exit, withdraw. A job is
a generator that yields requests and is handed outcomes, so it can be dropped at any point
when the line goes.

Rules that hold whatever the line does:

- a plant is built from one complete poll in which nothing unexpected arrived;
- a release is written once, read back, and written a second time only if reading back
  *in step* shows that the first never took effect;
- one ticket is released at most once, and its outcome is repeated, not its write;
- what was pending when the line went is reported as not done, and never done later.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec

from drivers.errors import (
    DeviceRefused,
    DriverFault,
    NoAnswer,
    PortLost,
    ProtocolViolation,
    WrongIdentity,
)
from drivers.ports import Emission, Output, Write
from drivers.turnstile.actions import Actions
from drivers.turnstile.modbus import Master, Metrics
from drivers.turnstile.rtu import (
    Identity,
    Outcome,
    ReadIdentity,
    Refusal,
    Registers,
    Request,
    Silence,
    Written,
)
from drivers.turnstile.signals import MODE_ANTIPANIC, Reading, ReadPlan, judge_release, plant_of
from drivers.types import (
    Close,
    DeviceId,
    DeviceReady,
    OpenExit,
    Plant,
    PlantChanged,
)
from firmware_cfg.profile import Turnstile

MISSED_POLLS_MAX = 3
DISTURBED_POLLS_MAX = 20
RELEASE_WRITES_MAX = 2
WITHDRAW_WRITES_MAX = 5

Job = Generator[Request, Outcome, None]
Poll = Generator[Request, Outcome, Reading | None]


class TurnstileMachine:
    """Polls a turnstile, releases its exit, withdraws; knows nothing of ports or clocks.

    Args:
        profile: the lane's turnstile.
        actuation_ms: after this long nothing is written (again) for one command.
    """

    device = DeviceId.TURNSTILE
    ports = ("bus",)

    def __init__(self, profile: Turnstile, *, actuation_ms: int = 2_000) -> None:
        self._profile = profile
        self._plan = ReadPlan(profile.registers)
        self._master = Master(
            profile.unit,
            profile.baud,
            answer_ms=profile.answer_ms,
            backoff_ms=profile.backoff_ms,
            probe=self._plan.probe,
        )
        self._actuation_ns = actuation_ms * 1_000_000
        self._poll_ns = profile.poll_ms * 1_000_000
        self._heartbeat_ns = profile.heartbeat_ms * 1_000_000
        self._stale_ns = profile.stale_ms * 1_000_000
        self._now_ns = 0
        self._events: list[Emission] = []
        self._fault: DriverFault | None = None
        self._actions = Actions(self._emit)
        self._plant: Plant | None = None
        self._published_ns = 0
        self._connected = False
        self._restart()

    def _restart(self) -> None:
        """Forget the state of the line; tickets already served stay remembered."""
        self._job: Job | None = None
        self._identified = False
        self._identity = ""
        self._ready = False
        self._outage = False
        self._halted = False
        self._missed = 0
        self._disturbed = 0
        self._reading: Reading | None = None
        self._next_poll_ns = self._now_ns

    @property
    def metrics(self) -> Metrics:
        """Counts of what happened on the bus, by cause."""
        return self._master.metrics

    # --- drivers.ports.Machine --------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None while the port is away."""
        if not self._connected or self._halted:
            return None
        asked_ns = self._master.due_ns
        due = self._next_poll_ns if asked_ns is None else asked_ns
        if self._plant is not None:
            due = min(due, self._published_ns + self._heartbeat_ns)
            if self._reading is not None:
                due = min(due, self._reading.at_ns + self._stale_ns)
        return due

    def opened(self, port: str, now_ns: int) -> None:
        """The port was opened (again): identify, poll, and only then be ready."""
        self._check_port(port)
        self._now_ns = now_ns
        self._actions.drop("the line was opened anew")
        self._restart()
        self._connected = True
        self._master.reset(now_ns)
        self._run()

    def lost(self, port: str, now_ns: int) -> None:
        """The port went away.

        Raises:
            PortLost: always, after everything pending was reported as not done.
        """
        self._check_port(port)
        self._now_ns = now_ns
        self._connected = False
        self._actions.drop("the line was lost")
        self._restart()
        self._master.reset(now_ns)
        self._publish_unknown()
        raise PortLost("the turnstile's serial port was lost")

    def command(self, command: Any, now_ns: int) -> None:
        """Carry out `OpenExit` or `Close`; answered by one `ActuationDone`.

        Raises:
            TypeError: the command is for another device (a bug of the caller).
            DriverFault: see `drivers.errors`.
        """
        if not isinstance(command, OpenExit | Close):
            raise TypeError(f"not for a turnstile: {type(command).__name__}")
        self._now_ns = now_ns
        self._actions.offer(command, ready=self._ready)
        self._run()

    def receive(self, port: str, data: bytes, now_ns: int) -> None:
        """Bytes arrived.

        Raises:
            DriverFault: see `drivers.errors`.
        """
        self._check_port(port)
        if not self._connected:
            return
        self._now_ns = now_ns
        self._master.receive(data, now_ns)
        self._run()

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: see `drivers.errors`.
        """
        if not self._connected:
            return
        self._now_ns = now_ns
        self._master.expire(now_ns)
        self._run()

    def output(self) -> list[Output]:
        """Take the frames to be sent."""
        return [Write("bus", frame) for frame in self._master.output()]

    def events(self) -> list[Emission]:
        """Take what happened."""
        events, self._events = self._events, []
        return events

    def wipe(self, ticket: int) -> None:
        """A turnstile holds nothing of a traveller."""

    # --- running jobs -----------------------------------------------------------------

    def _check_port(self, port: str) -> None:
        if port not in self.ports:
            raise ValueError(f"a turnstile has no port {port}")

    def _run(self) -> None:
        while self._connected and not self._halted:
            if self._job is not None:
                outcome = self._master.take()
                if outcome is None:
                    break
                self._advance(self._job, outcome)
            else:
                job = self._choose()
                if job is None:
                    break
                self._job = job
                self._advance(job, None)
        self._publish_if_due()
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _advance(self, job: Job, outcome: Outcome | None) -> None:
        try:
            request = next(job) if outcome is None else job.send(outcome)
        except StopIteration:
            self._job = None
            return
        self._master.request(request, self._now_ns)

    def _choose(self) -> Job | None:
        if not self._identified:
            return self._identify()
        action = self._actions.start()
        if action is not None:
            return self._open_exit(action) if isinstance(action, OpenExit) else self._close(action)
        if self._now_ns >= self._next_poll_ns:
            return self._poll()
        return None

    def _identify(self) -> Job:
        outcome = yield ReadIdentity()
        expected = self._profile.identity
        name = ""
        if isinstance(outcome, Identity):
            name = f"{outcome.vendor}/{outcome.product}"
            self._identity = f"{name} {outcome.revision}".strip()
        elif isinstance(outcome, Silence):
            self._miss(outcome.cause)
            if expected:
                return
        if expected and name != expected:
            self._halted = True
            self._ready = False
            self._fault = WrongIdentity(f"turnstile is '{name}', the profile names '{expected}'")
            return
        self._identified = True
        self._next_poll_ns = self._now_ns

    def _poll(self) -> Job:
        self._next_poll_ns = self._now_ns + self._poll_ns
        yield from self._read_all()

    def _read_all(self) -> Poll:
        """One complete poll, tried again once when disturbed; None if it was not to be had."""
        for _ in range(2):
            began_ns, disturbances = self._now_ns, self._master.disturbances
            answers: list[Registers] = []
            for read in self._plan.sequence:
                outcome = yield read
                if isinstance(outcome, Registers):
                    answers.append(outcome)
                    continue
                if isinstance(outcome, Refusal):
                    what = f"exception {outcome.code} to reading {read.address:#06x}"
                    self._fail(DeviceRefused(f"turnstile answers {what}"))
                elif isinstance(outcome, Silence):
                    self._miss(outcome.cause)
                return None
            reading = self._plan.reading(began_ns, answers)
            if reading is not None and disturbances == self._master.disturbances:
                self._accept(reading)
                return reading
        self._disturbed += 1
        if self._disturbed >= DISTURBED_POLLS_MAX:
            self._fail(ProtocolViolation("the turnstile's line is too disturbed to be believed"))
        return None

    def _accept(self, reading: Reading) -> None:
        before, self._reading = self._reading, reading
        self._missed = self._disturbed = 0
        if not self._ready:
            self._ready, self._outage = True, False
            self._emit(DeviceReady(device=self.device, identity=self._identity))
        self._publish(plant_of(reading, before))

    def _miss(self, cause: str) -> None:
        self._missed += 1
        if self._missed >= MISSED_POLLS_MAX:
            self._fail(NoAnswer(f"turnstile does not answer ({cause})"))

    def _fail(self, fault: DriverFault) -> None:
        """The device is out: report it once, drop what was asked, begin anew by identity."""
        if not self._outage:
            self._fault = fault
        self._outage = True
        self._ready = self._identified = False
        self._next_poll_ns = self._now_ns + self._poll_ns
        self._actions.drop("the turnstile does not answer")

    # --- actions ----------------------------------------------------------------------

    def _open_exit(self, command: OpenExit) -> Job:
        give_up_ns = self._now_ns + self._actuation_ns
        before = self._fresh_reading() or (yield from self._read_all())
        if before is None:
            self._actions.finish("the state before is not known", ok=False)
            return
        if before.authorise_exit != 0:
            self._actions.finish("a release is already standing", ok=False)
            return
        for _ in range(RELEASE_WRITES_MAX):
            if (
                self._actions.withdrawn
                or self._actions.acting is not command
                or self._now_ns >= give_up_ns
            ):
                break
            outcome = yield self._plan.release_exit()
            if isinstance(outcome, Refusal):
                self._actions.finish(f"refused with exception {outcome.code}", ok=False)
                return
            after = yield from self._read_all()
            verdict = judge_release(before, after, acknowledged=isinstance(outcome, Written))
            if verdict is not None:
                self._actions.finish(verdict, ok=verdict == "")
                return
        self._actions.finish("the release did not take effect in time", ok=False)

    def _close(self, command: Close) -> Job:
        if self._reading is not None and self._reading.mode == MODE_ANTIPANIC:
            self._actions.finish("nothing is closed while antipanic lasts", ok=False)
            return
        give_up_ns = self._now_ns + self._actuation_ns
        for _ in range(WITHDRAW_WRITES_MAX):
            if self._actions.acting is not command or self._now_ns >= give_up_ns:
                break
            for write in self._plan.withdraw_all():
                outcome = yield write
                if isinstance(outcome, Refusal):
                    self._actions.finish(f"refused with exception {outcome.code}", ok=False)
                    return
            after = yield from self._read_all()
            if after is not None and after.authorise_exit == after.authorise_entry == 0:
                self._actions.finish("", ok=True)
                return
        self._actions.finish("the release still stands or is not known", ok=False)

    def _fresh_reading(self) -> Reading | None:
        reading = self._reading
        if reading is None or self._now_ns - reading.at_ns > 2 * self._poll_ns:
            return None
        return reading

    # --- telling ----------------------------------------------------------------------

    def _emit(self, event: Any) -> None:
        self._events.append(Emission(event, {}))

    def _publish(self, plant: Plant) -> None:
        """Send a plant if it says anything new or the next one might come too late."""
        known, self._plant = self._plant, plant
        news = known is None or plant != msgspec.structs.replace(known, read_at_ns=plant.read_at_ns)
        if news or self._now_ns + self._poll_ns > self._published_ns + self._heartbeat_ns:
            self._tell(plant)

    def _publish_if_due(self) -> None:
        reading, plant = self._reading, self._plant
        if reading is not None and self._now_ns - reading.at_ns >= self._stale_ns:
            self._reading = None
            self._publish_unknown()
        elif plant is not None and self._now_ns >= self._published_ns + self._heartbeat_ns:
            self._tell(plant)

    def _publish_unknown(self) -> None:
        self._tell(Plant(read_at_ns=self._plant.read_at_ns if self._plant else self._now_ns))

    def _tell(self, plant: Plant) -> None:
        self._plant = plant
        self._published_ns = self._now_ns
        self._emit(PlantChanged(plant=plant))
