"""What every turnstile machine has in common, as a sans-IO `drivers.ports.Machine`.

One job at a time uses the link: identify, poll, carry out a command. A job is a
generator that yields requests and receives outcomes, so it can be dropped at any point
when the line is lost. A device brings its own link and jobs; here is when they run, what
becomes of commands when the line is lost, and when the plant is published.

Rules that hold whatever the line does:

- a plant is published only from one complete poll, and is UNKNOWN once that is too old;
- nothing is opened before the device was identified and read;
- what was pending when the line was lost is reported as not done, and never done later;
- a poll yields to a command.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Protocol

from drivers.errors import DriverFault, NoAnswer, PortLost, ProtocolViolation
from drivers.ports import Emission, Output, Write
from drivers.turnstile.actions import Actions
from drivers.turnstile.plant_publisher import PlantPublisher
from drivers.types import Actuation, Condition, DeviceId, DeviceReady, Plant
from firmware_cfg.turnstile import Turnstile

MISSED_POLLS_MAX = 3
DISTURBED_POLLS_MAX = 20

Job = Generator[Any, Any, None]
"""Yields requests of its device's link, and receives their outcomes."""


class Link(Protocol):
    """A conversation with one device, one question at a time, without I/O.

    What a request and an outcome are is the protocol's: the jobs of a device and its link
    agree on it (`drivers.turnstile.half_duplex` is the part that protocols share).
    """

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None while nothing is asked."""

    def request(self, request: Any, now_ns: int) -> None:
        """Ask; the question before must have been taken."""

    def take(self) -> Any:
        """The outcome of the question, once; None while it is open."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived, in pieces of any size."""

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come."""

    def reset(self, now_ns: int) -> None:
        """Forget everything in flight: the line was opened again, or lost."""

    def output(self) -> list[bytes]:
        """Take the frames to be sent."""


class PlantMachine:
    """Polls a plant and actuates it; knows nothing of ports or clocks.

    A device class brings `_identify`, `_poll`, `_carry_out`, and overrides `_forget`.

    Args:
        link: the conversation with the device, one question at a time.
        settings: the lane's turnstile.
        actuation_ms: after this long nothing is written (again) for one command.
        additive: whether releases of the exit add up in the device.
    """

    device = DeviceId.TURNSTILE
    ports = ("bus",)
    carries_out: ClassVar[tuple[type[Actuation], ...]] = ()
    _conditions: tuple[Condition, ...] = ()

    def __init__(
        self,
        link: Link,
        settings: Turnstile,
        *,
        actuation_ms: int,
        additive: bool,
    ) -> None:
        self._link = link
        self._profile = settings
        self._actuation_ns = actuation_ms * 1_000_000
        self._poll_ns = settings.poll_ms * 1_000_000
        self._now_ns = 0
        self._events: list[Emission] = []
        self._fault: DriverFault | None = None
        self._actions = Actions(self._emit, additive=additive)
        self._publisher = PlantPublisher(
            self._emit,
            poll_ns=self._poll_ns,
            heartbeat_ns=settings.heartbeat_ms * 1_000_000,
            stale_ns=settings.stale_ms * 1_000_000,
        )
        self._connected = False
        self._disturbed_polls = 0
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
        self._next_poll_ns = self._now_ns
        self._publisher.forget()
        self._forget()

    # --- what a device brings ---------------------------------------------------------

    def _identify(self) -> Job:
        """Ask for the device's identity; ends in `_known`, `_wrong_device` or `_miss`."""
        raise NotImplementedError

    def _poll(self) -> Job:
        """Read the whole plant once; ends in `_took` or `_disturbed`."""
        raise NotImplementedError

    def _carry_out(self, command: Actuation) -> Job:
        """Carry out one command; ends in `_actions.finish`."""
        raise NotImplementedError

    def _spare(self) -> Job | None:
        """The job for when there is neither a command nor a poll; None for none."""

    def _forget(self) -> None:
        """Forget what was read: the line is new, or what was read is too old."""

    # --- drivers.ports.Machine --------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None while the port is away."""
        if not self._connected or self._halted:
            return None
        asked_ns = self._link.due_ns
        due = self._next_poll_ns if asked_ns is None else asked_ns
        publish_ns = self._publisher.due_ns
        if publish_ns is not None and publish_ns < due:
            due = publish_ns
        return due

    def opened(self, port: str, now_ns: int) -> None:
        """The port was opened (again): identify, poll, and only then be ready."""
        self._check_port(port)
        self._now_ns = now_ns
        self._actions.drop("the line was opened again")
        self._restart()
        self._connected = True
        self._link.reset(now_ns)
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
        self._link.reset(now_ns)
        self._publisher.unknown(now_ns)
        raise PortLost("the turnstile's serial port was lost")

    def command(self, command: Any, now_ns: int) -> None:
        """Carry out a command that moves hardware; answered by one `ActuationDone`.

        Raises:
            TypeError: the command is for another device (a bug of the caller).
            DriverFault: see `drivers.errors`.
        """
        if not isinstance(command, Actuation):
            raise TypeError(f"not for a turnstile: {type(command).__name__}")
        self._now_ns = now_ns
        if isinstance(command, self.carries_out):
            self._actions.offer(command, ready=self._ready)
        else:
            self._actions.refuse(command, "this device cannot do that")
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
        self._link.receive(data, now_ns)
        self._run()

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: see `drivers.errors`.
        """
        if not self._connected:
            return
        self._now_ns = now_ns
        self._link.expire(now_ns)
        self._run()

    def output(self) -> list[Output]:
        """Take the frames to be sent."""
        frames = self._link.output()
        return [Write("bus", frame) for frame in frames] if frames else []

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
                outcome = self._link.take()
                if outcome is None:
                    break
                self._advance(self._job, outcome)
            else:
                job = self._choose()
                if job is None:
                    break
                self._job = job
                self._advance(job, None)
        if self._publisher.expire(self._now_ns):
            self._forget()
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _advance(self, job: Job, outcome: Any) -> None:
        try:
            request = next(job) if outcome is None else job.send(outcome)
        except StopIteration:
            self._job = None
            return
        self._link.request(request, self._now_ns)

    def _choose(self) -> Job | None:
        if not self._identified:
            return self._identify()
        action = self._actions.start()
        if action is not None:
            return self._carry_out(action)
        if self._now_ns >= self._next_poll_ns:
            self._next_poll_ns = self._now_ns + self._poll_ns
            return self._poll()
        return self._spare()

    def _yields_to_command(self) -> bool:
        """Whether a poll under way should be dropped for a command that waits."""
        return self._actions.acting is None and self._actions.waiting

    # --- what jobs end in ---------------------------------------------------------------

    def _known(self, identity: str) -> None:
        """The device is the right one: poll it now."""
        self._identity = identity
        self._identified = True
        self._next_poll_ns = self._now_ns

    def _wrong_device(self, fault: DriverFault) -> None:
        """Another device than the profile names: leave it alone."""
        self._halted = True
        self._ready = False
        self._fault = fault

    def _took(self, plant: Plant) -> None:
        """A complete poll."""
        self._missed = self._disturbed_polls = 0
        if not self._ready:
            self._ready, self._outage = True, False
            self._announce()
        self._publisher.take(plant, self._now_ns)

    def _miss(self, cause: str) -> None:
        """A question stayed without an answer."""
        self._missed += 1
        if self._missed >= MISSED_POLLS_MAX:
            self._fail(NoAnswer(f"turnstile does not answer ({cause})"))

    def _disturbed(self, diagnosis: str) -> None:
        """A poll was unusable: unsolicited bytes, or contradicting answers; many in a row fail."""
        self._disturbed_polls += 1
        if self._disturbed_polls >= DISTURBED_POLLS_MAX:
            self._disturbed_polls = 0
            self._fail(ProtocolViolation(diagnosis))

    def _fail(self, fault: DriverFault) -> None:
        """The device is out: report it once, drop what was asked, begin again with the identity."""
        if not self._outage:
            self._fault = fault
        self._outage = True
        self._ready = self._identified = False
        self._next_poll_ns = self._now_ns + self._poll_ns
        self._actions.drop("the turnstile does not answer")

    def _may_write(self, command: Actuation, give_up_ns: int) -> bool:
        """Whether a command may (still) be written."""
        return (
            not self._actions.withdrawn
            and self._actions.acting is command
            and self._now_ns < give_up_ns
        )

    # --- publishing -------------------------------------------------------------------

    def _announce(self) -> None:
        ready = DeviceReady(
            device=self.device, identity=self._identity, conditions=self._conditions
        )
        self._emit(ready)

    def _emit(self, event: Any) -> None:
        self._events.append(Emission(event, {}))
