"""From single contacts to signals that can be trusted: each with its time, or UNKNOWN.

Every contact is kept with the instant it was read. A pair of antivalent contacts says one
thing twice; while both say the same a door is on its way, or a wire is broken: for
`discrepancy_ms` it is taken for what keeps people safe (open, unlocked, occupied), after
that it is UNKNOWN. A contact too old to be trusted is UNKNOWN too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.types import Door, Flag, Lock, Plant, Zone
from firmware_cfg.turnstile import DoorWiring, IoModule

TRIPPED = 1
"""`Plant.fault_code` while the module's watchdog has dropped its outputs."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One input or coil as last read."""

    on: bool
    read_at_ns: int


@dataclass(slots=True)
class Contacts:
    """All inputs and coils of a module as last read, and the pairs that contradict themselves.

    Attributes:
        inputs, coils: by their number.
        tripped: whether the watchdog has tripped.
    """

    wiring: IoModule
    stale_ns: int
    inputs: dict[int, Contact] = field(default_factory=dict)
    coils: dict[int, Contact] = field(default_factory=dict)
    tripped: bool = False
    _since_ns: dict[tuple[int, int], int] = field(default_factory=dict)

    def took_inputs(self, bits: Mapping[int, bool], at_ns: int) -> None:
        """Inputs were read; the request left at `at_ns`."""
        for number, on in bits.items():
            self.inputs[number] = Contact(on, at_ns)
        for pair in self._pairs():
            if pair[0] in bits and pair[1] in bits:
                if bits[pair[0]] == bits[pair[1]]:
                    self._since_ns.setdefault(pair, at_ns)
                else:
                    self._since_ns.pop(pair, None)

    def took_coils(self, bits: Mapping[int, bool], at_ns: int) -> None:
        """Coils were read back."""
        for number, on in bits.items():
            self.coils[number] = Contact(on, at_ns)

    def forget(self) -> None:
        """Nothing is known any more."""
        self.inputs.clear()
        self.coils.clear()
        self._since_ns.clear()
        self.tripped = False

    @property
    def reversed(self) -> bool:
        """Whether entry and exit are swapped, as read back; False while that is not known."""
        if self.wiring.direction is None:
            return False
        coil = self.coils.get(self.wiring.direction)
        return coil is not None and coil.on

    @property
    def doors(self) -> tuple[DoorWiring, DoorWiring]:
        """Entry and exit as the lane is used now."""
        pair = self.wiring.entry, self.wiring.exit
        return (pair[1], pair[0]) if self.reversed else pair

    def plant(self, now_ns: int) -> Plant:
        """The plant, by what is fresh at `now_ns`."""
        entry, leave = self.doors
        wiring = self.wiring
        before, behind = wiring.approach_clear, wiring.beyond_clear
        if self.reversed:
            before, behind = behind, before
        return Plant(
            read_at_ns=self._oldest_ns(now_ns),
            entry=self._door(entry, now_ns),
            exit=self._door(leave, now_ns),
            zone=self._chamber(now_ns),
            obstruction=self.danger(leave.unobstructed, now_ns),
            fire=self.danger(wiring.fire_ok, now_ns),
            tamper=self.danger(wiring.closed_housing, now_ns),
            fault_code=TRIPPED if self.tripped else 0,
            entry_lock=self._lock(entry, now_ns),
            exit_lock=self._lock(leave, now_ns),
            entry_obstruction=self.danger(entry.unobstructed, now_ns),
            approach=self._area(before, now_ns),
            beyond=self._area(behind, now_ns),
            power_loss=self.danger(wiring.mains_ok, now_ns),
            maintenance=self._key(now_ns),
            reversed=self.reversed,
        )

    def danger(self, number: int, now_ns: int) -> Flag:
        """A closed-circuit contact: on is clear, off is danger or a cut wire."""
        contact = self._fresh(number, now_ns)
        if contact is None:
            return Flag.UNKNOWN
        return Flag.CLEAR if contact.on else Flag.ACTIVE

    def pair(self, yes: int, no: int, now_ns: int) -> bool | None:
        """What a pair says: False, not so, while it may be on its way, None when unknown."""
        first, second = self._fresh(yes, now_ns), self._fresh(no, now_ns)
        if first is None or second is None:
            return None
        if first.on != second.on:
            return first.on
        since_ns = self._since_ns.get((yes, no), now_ns)
        limit_ns = self.wiring.discrepancy_ms * 1_000_000
        return False if now_ns - since_ns < limit_ns else None

    def _door(self, door: DoorWiring, now_ns: int) -> Door:
        closed = self.pair(door.closed, door.not_closed, now_ns)
        return {True: Door.CLOSED, False: Door.OPEN, None: Door.UNKNOWN}[closed]

    def _lock(self, door: DoorWiring, now_ns: int) -> Lock:
        locked = self.pair(door.locked, door.not_locked, now_ns)
        return {True: Lock.LOCKED, False: Lock.UNLOCKED, None: Lock.UNKNOWN}[locked]

    def _chamber(self, now_ns: int) -> Zone:
        wiring = self.wiring
        empty = self.pair(wiring.chamber_empty, wiring.chamber_occupied, now_ns)
        single = self._fresh(wiring.chamber_single, now_ns)
        if empty is None or single is None:
            return Zone.UNKNOWN
        if empty:
            # No one there, and more than one there: the sensors contradict each other.
            return Zone.EMPTY if single.on else Zone.UNKNOWN
        return Zone.ONE if single.on else Zone.MANY

    def _area(self, number: int | None, now_ns: int) -> Zone:
        contact = None if number is None else self._fresh(number, now_ns)
        if contact is None:
            return Zone.UNKNOWN
        return Zone.EMPTY if contact.on else Zone.ONE

    def _key(self, now_ns: int) -> Flag:
        contact = self._fresh(self.wiring.maintenance_key, now_ns)
        if contact is None:
            return Flag.UNKNOWN
        return Flag.ACTIVE if contact.on else Flag.CLEAR

    def _fresh(self, number: int, now_ns: int) -> Contact | None:
        contact = self.inputs.get(number)
        if contact is None or now_ns - contact.read_at_ns >= self.stale_ns:
            return None
        return contact

    def _oldest_ns(self, now_ns: int) -> int:
        fresh = [
            contact.read_at_ns
            for contact in self.inputs.values()
            if now_ns - contact.read_at_ns < self.stale_ns
        ]
        return min(fresh, default=now_ns)

    def _pairs(self) -> tuple[tuple[int, int], ...]:
        wiring = self.wiring
        return (
            (wiring.chamber_empty, wiring.chamber_occupied),
            *((door.closed, door.not_closed) for door in (wiring.entry, wiring.exit)),
            *((door.locked, door.not_locked) for door in (wiring.entry, wiring.exit)),
        )
