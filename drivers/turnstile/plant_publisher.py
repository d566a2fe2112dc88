"""When a plant is published: at a change, as a heartbeat, and as UNKNOWN once it is too old."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from drivers.types import Plant, PlantChanged


class PlantPublisher:
    """Publishes what a device's polls say.

    Args:
        emit: receives each `PlantChanged`.
        poll_ns: time between two polls.
        heartbeat_ns: the longest time between two events.
        stale_ns: how long after its poll a plant is still true.

    Attributes:
        due_ns: when `expire` must be called next; None before the first plant.
    """

    def __init__(
        self,
        emit: Callable[[PlantChanged], None],
        *,
        poll_ns: int,
        heartbeat_ns: int,
        stale_ns: int,
    ) -> None:
        self._emit = emit
        self._poll_ns = poll_ns
        self._heartbeat_ns = heartbeat_ns
        self._stale_ns = stale_ns
        self._plant: Plant | None = None
        self._sent_ns = 0
        self._read_ns: int | None = None
        self.due_ns: int | None = None

    def take(self, plant: Plant, now_ns: int) -> None:
        """A complete poll: publish it if anything is new or the next one might come too late."""
        known, self._plant = self._plant, plant
        self._read_ns = plant.read_at_ns
        changed = known is None or plant != msgspec.structs.replace(
            known, read_at_ns=plant.read_at_ns
        )
        if changed or now_ns + self._poll_ns > self._sent_ns + self._heartbeat_ns:
            self._send(plant, now_ns)
        else:
            self._schedule()

    def expire(self, now_ns: int) -> bool:
        """Publish what is due; whether the last poll has just become too old."""
        plant = self._plant
        if self._read_ns is not None and now_ns - self._read_ns >= self._stale_ns:
            self.unknown(now_ns)
            return True
        if plant is not None and now_ns >= self._sent_ns + self._heartbeat_ns:
            self._send(plant, now_ns)
        return False

    def forget(self) -> None:
        """The line is new or lost: the last poll does not count as one of it."""
        self._read_ns = None
        self._schedule()

    def unknown(self, now_ns: int) -> None:
        """Publish that nothing is known any more."""
        self._read_ns = None
        self._send(Plant(read_at_ns=self._plant.read_at_ns if self._plant else now_ns), now_ns)

    def _send(self, plant: Plant, now_ns: int) -> None:
        self._plant = plant
        self._sent_ns = now_ns
        self._schedule()
        self._emit(PlantChanged(plant=plant))

    def _schedule(self) -> None:
        if self._plant is None:
            return
        due_ns = self._sent_ns + self._heartbeat_ns
        if self._read_ns is not None and self._read_ns + self._stale_ns < due_ns:
            due_ns = self._read_ns + self._stale_ns
        self.due_ns = due_ns
