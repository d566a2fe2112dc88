"""A passport that is read again: a reading that repeats is skipped and counted.

A chip session is a hundred frames each way, and the same passport, asked with the same random
source, gives the same session. Once a whole reading was seen to repeat, what was asked bit for bit
and everything nanosecond for nanosecond, a later one is not carried: the machine gets its
command, writes its first frame and is then left alone, while what it emitted the other times
is emitted again at the same delay. Anything that touches passport, line or machine on the way
has what was skipped so far carried out first, as in `sim.wires.skipped_polls`.

The recorded inbox is the same as with every reading carried, which a test holds against
each other. Lines on which something may go wrong carry everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from drivers.passport.reader.passport_reader import PassportReader
from drivers.passport.reader.pn532_runner import CHIP
from drivers.ports import Emission, Output
from drivers.types import ReadDocument
from sim.wires.kernel import Kernel
from sim.wires.links import Line, WiredDevice

MAX_READINGS = 4_096


class _Emitted(NamedTuple):
    """One emission: its delay after the command, and the time of the step before it."""

    before_ns: int
    after_ns: int
    event: Any
    payload: dict[str, bytes]


class KnownReading(NamedTuple):
    """One reading, from the command until the reader rests.

    Attributes:
        emissions: in order; tickets are 0.
        asked: hash over all that was sent, and when.
        span_ns: until the reader rests.
        carried_bytes: both ways.
        past: what was sent last to the chip reader, and from it.
    """

    emissions: tuple[_Emitted, ...]
    asked: bytes
    span_ns: int
    carried_bytes: int
    past: tuple[tuple[bytes, ...], ...]


class Readings:
    """The readings of a run, by passport and circumstances."""

    def __init__(self) -> None:
        self._once: dict[Hashable, KnownReading] = {}
        self._sure: dict[Hashable, KnownReading] = {}
        self._shared: dict[bytes, bytes] = {}
        self.repeated = 0
        """How many were not carried."""

    def repeating(self, key: Hashable) -> KnownReading | None:
        """A reading that was seen to repeat."""
        return self._sure.get(key)

    def saw(self, key: Hashable, reading: KnownReading) -> None:
        """A reading was carried to its end."""
        known = self._once.pop(key, None)
        kept = self._once if known != reading else self._sure
        if len(kept) >= MAX_READINGS:
            del kept[next(iter(kept))]
        kept[key] = reading

    def share(self, data: bytes) -> bytes:
        """The same bytes, kept once: most portraits of a run are one picture."""
        if len(self._shared) >= MAX_READINGS:
            self._shared.clear()
        return self._shared.setdefault(data, data)


@dataclass
class _Noting:
    """A reading under way, carried and noted."""

    key: Hashable
    began_ns: int
    began_bytes: int
    asked: Any = field(default_factory=hashlib.sha256)
    emissions: list[_Emitted] = field(default_factory=list)


@dataclass
class _Playing:
    """A reading under way that is not carried.

    Attributes:
        by_machine: how many events the machine emitted itself, with its command.
        next: index of the next emission.
        left_bytes: what is not carried of it.
    """

    reading: KnownReading
    ticket: int
    began_ns: int
    by_machine: int
    next: int
    left_bytes: int
    armed: bool = False

    @property
    def due_ns(self) -> int:
        """When the next emission is due, or the reading ends; first, the step before that.

        So the kernel is asked when the machine would have asked, and what happens at the
        very same instant keeps its order.
        """
        emitted = self.reading.emissions
        if self.next >= len(emitted):
            return self.began_ns + self.reading.span_ns
        one = emitted[self.next]
        return self.began_ns + (one.after_ns if self.armed else one.before_ns)


class ReadingDevice(WiredDevice):
    """A `WiredDevice` around a passport reader that does not carry a repeated reading.

    Args:
        machine: the reader.
        readings: of the run.
        circumstances: whatever a reading depends on beside its command: the passport that
            lies there, random source, settings, the day; None where none lies there.

    Attributes:
        skipped_bytes: what was not carried, both ways.
    """

    def __init__(
        self,
        kernel: Kernel,
        machine: PassportReader,
        lines: dict[str, Line],
        emit: Callable[[Emission], None],
        readings: Readings,
        circumstances: Callable[[], Hashable | None],
    ) -> None:
        super().__init__(kernel, machine, lines, emit)
        self._reader = machine
        self._readings = readings
        self._circumstances = circumstances
        chip = lines[CHIP]
        self._chip_wires = (chip.to_peer, chip.to_machine)
        self._wires = tuple(w for line in lines.values() for w in (line.to_peer, line.to_machine))
        self._noting: _Noting | None = None
        self._playing: _Playing | None = None
        self._emitted_already = 0

    def command(self, command: Any, now_ns: int) -> None:
        """Hand over one command; one that begins a known reading is carried no further."""
        self.rouse(now_ns)
        circumstances = self._circumstances() if isinstance(command, ReadDocument) else None
        if circumstances is None or not self._rests():
            super().command(command, now_ns)
            return
        noting = self._noting = _Noting(None, now_ns, self._carried_bytes())
        self._call(now_ns, self.machine.command, command, now_ns - self._skew_ns)
        if self._reader.busy and self._noting is not None:
            emitted = tuple(
                sorted(item) for item in (one.payload.items() for one in noting.emissions)
            )
            plain = msgspec.structs.replace(command, ticket=0)
            noting.key = (plain, circumstances, str(emitted), noting.asked.digest())
            self._play(noting, command.ticket)
        else:
            self._noting = None
        self.touch()

    def wipe(self, ticket: int) -> None:
        """Drop what is held for a ticket, and end its reading."""
        self.rouse(self._kernel.now_ns)
        super().wipe(ticket)

    def rouse(self, now_ns: int) -> None:
        """Carry out what was skipped of the present reading."""
        self._noting = None
        playing, self._playing = self._playing, None
        if playing is None:
            return
        self._emitted_already = playing.next - playing.by_machine
        while (due_ns := super()._due_ns()) is not None:
            if due_ns > now_ns or (due_ns == now_ns and not self._emitted_already):
                break
            super()._turn(due_ns)

    def _play(self, noting: _Noting, ticket: int) -> None:
        """Leave the machine alone from here on, if the reading was seen to repeat."""
        reading = self._readings.repeating(noting.key)
        if reading is None:
            return
        self._noting = None
        emitted = len(noting.emissions)
        left_bytes = reading.carried_bytes - (self._carried_bytes() - noting.began_bytes)
        self._playing = _Playing(reading, ticket, noting.began_ns, emitted, emitted, left_bytes)

    def _due_ns(self) -> int | None:
        return super()._due_ns() if self._playing is None else self._playing.due_ns

    def _turn(self, now_ns: int) -> None:
        playing = self._playing
        if playing is None:
            super()._turn(now_ns)
            if self._noting is not None and self._rests():
                self._noted(self._noting, now_ns)
            return
        self._touched = False
        if playing.next < len(playing.reading.emissions) and not playing.armed:
            playing.armed = True
        elif playing.next < len(playing.reading.emissions):
            emitted = playing.reading.emissions[playing.next]
            playing.next, playing.armed = playing.next + 1, False
            event = msgspec.structs.replace(emitted.event, ticket=playing.ticket)
            self._emit(Emission(event, emitted.payload))
        else:
            self._end(playing, now_ns)

    def _end(self, playing: _Playing, now_ns: int) -> None:
        """The reading is over: the machine forgets it, and rests as it would have."""
        self._playing = None
        self.machine.wipe(playing.ticket)
        self.machine.output()
        self.machine.events()
        self._skew_ns += now_ns - playing.began_ns
        for wire, past in zip(self._chip_wires, playing.reading.past, strict=True):
            wire.settle(now_ns, past)
        self._ask()
        self.skipped_bytes += playing.left_bytes
        self._readings.repeated += 1

    # --- watching the machine -----------------------------------------------------------

    def _rests(self) -> bool:
        """Whether nothing is under way anywhere, and nothing can go wrong."""
        if self._reader.busy or any(line.peer.due_ns is not None for line in self.lines.values()):
            return False
        return all(wire.clean and wire.due_ns is None for wire in self._wires)

    def _carried_bytes(self) -> int:
        return sum(wire.carried_bytes for wire in self._wires)

    def _carry(self, op: Output, now_ns: int) -> None:
        if self._noting is not None:
            self._noting.asked.update(f"{now_ns - self._noting.began_ns} {op}".encode())
        super()._carry(op, now_ns)

    def _report(self, emission: Emission, now_ns: int) -> None:
        if self._emitted_already:
            self._emitted_already -= 1  # roused: this one was emitted already
            return
        if self._noting is not None:
            self._note(self._noting, emission, now_ns)
        self._emit(emission)

    def _note(self, noting: _Noting, emission: Emission, now_ns: int) -> None:
        event = emission.event
        if not hasattr(event, "ticket"):
            self._noting = None  # the reader itself has something to say: not like others
            return
        payload = {
            handle: self._readings.share(bytes(data)) for handle, data in emission.payload.items()
        }
        plain = msgspec.structs.replace(event, ticket=0)
        before_ns = max(0, self._turned_ns - noting.began_ns)
        noting.emissions.append(_Emitted(before_ns, now_ns - noting.began_ns, plain, payload))

    def _noted(self, noting: _Noting, now_ns: int) -> None:
        self._noting = None
        reading = KnownReading(
            emissions=tuple(noting.emissions),
            asked=noting.asked.digest(),
            span_ns=now_ns - noting.began_ns,
            carried_bytes=self._carried_bytes() - noting.began_bytes,
            past=tuple(wire.past for wire in self._chip_wires),
        )
        self._readings.saw(noting.key, reading)
