"""The register map with authorise registers (`firmware_cfg.turnstile.RegisterMap` has addresses).

- authorise: 0 closed, n = n passages released, 0xFFFF free passage.
- zone: objects that the light curtain of this side sees.
- counters: 32 bits in two registers, low word first, wrapping.
- error: 0 is none.
- mode: 0 normal, 1 blocked, 2 antipanic.

Other addresses are the profile's alone (`[turnstile.registers]`). Another meaning is another
map: see `drivers.turnstile.modbus_turnstile.TurnstileMap`.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.turnstile.modbus_requests import Registers, WriteWords
from drivers.turnstile.read_plan import ReadPlan
from drivers.turnstile.turnstile_reading import TurnstileMode, TurnstileReading
from firmware_cfg.turnstile import RegisterMap

MODES = {0: TurnstileMode.NORMAL, 1: TurnstileMode.BLOCKED, 2: TurnstileMode.ANTIPANIC}


class AuthoriseMap:
    """Authorise, zone and counter of each direction, error and mode.

    Args:
        registers: the addresses.
    """

    def __init__(self, registers: RegisterMap) -> None:
        self._at = registers
        pair = registers.authorise_exit, registers.authorise_entry
        self.plan = ReadPlan(
            (
                (registers.authorise_exit, 1),
                (registers.authorise_entry, 1),
                (registers.zone_exit, 1),
                (registers.zone_entry, 1),
                (registers.counter_exit, 2),
                (registers.counter_entry, 2),
                (registers.error, 1),
                (registers.mode, 1),
            ),
            glance=(min(pair), max(pair)),
        )

    def decode(self, at_ns: int, words: Mapping[int, int]) -> TurnstileReading:
        """The registers of one complete poll, that began at `at_ns`."""
        at = self._at
        return TurnstileReading(
            at_ns=at_ns,
            released_exit=words[at.authorise_exit],
            released_entry=words[at.authorise_entry],
            objects_exit=words[at.zone_exit],
            objects_entry=words[at.zone_entry],
            counter_exit=words[at.counter_exit] | words[at.counter_exit + 1] << 16,
            counter_entry=words[at.counter_entry] | words[at.counter_entry + 1] << 16,
            error=words[at.error],
            mode=MODES.get(words[at.mode], TurnstileMode.UNKNOWN),
        )

    def released(self, glance: Registers) -> tuple[int, int]:
        """Passages released, as a glance says: exit, entry."""
        return glance.word(self._at.authorise_exit), glance.word(self._at.authorise_entry)

    def release_exit(self) -> WriteWords:
        """Release one passage in the exit direction."""
        return WriteWords(self._at.authorise_exit, (1,))

    def moving_registers(self) -> frozenset[int]:
        """Both authorise registers: a value in either releases that direction."""
        return frozenset((self._at.authorise_exit, self._at.authorise_entry))

    def withdraw_all(self) -> tuple[WriteWords, ...]:
        """Withdraw every release, in one request where the registers are neighbours."""
        leave, come = self._at.authorise_exit, self._at.authorise_entry
        if abs(leave - come) == 1:
            return (WriteWords(min(leave, come), (0, 0)),)
        return (WriteWords(leave, (0,)), WriteWords(come, (0,)))
