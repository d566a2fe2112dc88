"""Runs one generator at a time over the PN532's link: commands, pauses, emissions."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from drivers.errors import DriverFault
from drivers.passport.chip.apdu import Emit
from drivers.passport.errors import LinkEnded
from drivers.passport.reader.pn532 import MS, Pn532Link
from drivers.passport.reader.pn532_commands import Call, Op, Pause
from drivers.ports import Emission, Output

Job = Generator[Op | Emit, Any, Any]

CHIP = "chip"
"""The port of a PN532."""


class Pn532Runner:
    """Owns the link and the job on it.

    A fault of the link is thrown into the job, so that it can report what it has, and
    then goes on to the caller; the job is over by then.

    Args:
        emit: takes what the job emits.
    """

    def __init__(self, emit: Callable[[Emission], None]) -> None:
        self._link = Pn532Link(CHIP)
        self._emit = emit
        self._job: Job | None = None
        self._pause_until_ns: int | None = None
        self._meanwhile: Callable[[], object] | None = None
        self._meanwhile_ns = 0

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next."""
        if self._meanwhile is not None:
            return self._meanwhile_ns
        return self._link.due_ns if self._pause_until_ns is None else self._pause_until_ns

    def start(self, job: Job, now_ns: int) -> None:
        """Start a job; one still under way is closed without a word.

        Raises:
            DriverFault: the job met one at once.
        """
        self.stop(None)
        self._job = job
        self._run(None, now_ns)

    def stop(self, error: LinkEnded | None) -> None:
        """End the job now; with an error, it may still emit what it has."""
        job = self._job
        self._done()
        self._link.abort()
        if job is None:
            return
        if error is None:
            job.close()
            return
        try:
            op = job.throw(error)
            while isinstance(op, Emit):
                self._emit(op.emission)
                op = next(job)
            job.close()
        except (StopIteration, LinkEnded):
            return
        finally:
            # Its traceback holds the frames of the inspection, and this one holds the error: the
            # holder's zone would stay in memory until the next collection.
            error.__traceback__ = None

    def reset(self) -> None:
        """The port is new: forget bytes under way."""
        self._link.reset()
        self._link.output()

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes arrived.

        Raises:
            DriverFault: of the link or the job.
        """
        try:
            answer = self._link.receive(data, now_ns)
        except DriverFault as fault:
            self._fail(fault, now_ns)
            return
        if answer is not None:
            self._meanwhile = None
            self._run(answer, now_ns)

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come.

        Raises:
            DriverFault: of the link or the job.
        """
        # By now the command is on its way, for what was written goes out before time passes.
        work, self._meanwhile = self._meanwhile, None
        if work is not None:
            work()
        if self._pause_until_ns is not None:
            if now_ns >= self._pause_until_ns:
                self._pause_until_ns = None
                self._run(None, now_ns)
            return
        try:
            self._link.expire(now_ns)
        except DriverFault as fault:
            self._fail(fault, now_ns)

    def output(self) -> list[Output]:
        """Take what is to be sent."""
        return self._link.output()

    def _fail(self, fault: DriverFault, now_ns: int) -> None:
        if self._job is None:
            raise fault
        self._run(fault, now_ns)

    def _run(self, answer: bytes | DriverFault | None, now_ns: int) -> None:
        """Let the job go on with an answer, or with a fault thrown into it."""
        job = self._job
        while job is not None:
            try:
                op = job.throw(answer) if isinstance(answer, DriverFault) else job.send(answer)
            except StopIteration:
                self._done()
                return
            except DriverFault:
                self._done()
                raise
            answer = None
            if isinstance(op, Call):
                self._link.request(op.data, op.timeout_ms, now_ns, wake=op.wake)
                self._meanwhile, self._meanwhile_ns = op.meanwhile, now_ns
                return
            if isinstance(op, Pause):
                self._pause_until_ns = now_ns + op.ms * MS
                return
            if isinstance(op, Emit):
                self._emit(op.emission)
            else:
                self._link.change_baud(op.baud, confirm=op.confirm)

    def _done(self) -> None:
        self._job = self._pause_until_ns = self._meanwhile = None
