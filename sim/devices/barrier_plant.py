"""What people meet at a plant with one barrier, whatever line a host speaks to it on."""

from __future__ import annotations

from sim.devices.turnstile_barrier import COUNTER_MODULO, Barrier


class BarrierPlant:
    """The people's side of a turnstile or a swing gate; a subclass has the line.

    People act by `arrive`, `leave_back`, `try_pass`; `set_fire` and `set_counter` break it.

    Args:
        barrier: the plant behind; a new one unless given.

    Attributes:
        releases: how often a host released the exit.
    """

    def __init__(self, barrier: Barrier | None = None) -> None:
        self.barrier = barrier or Barrier()
        self.releases = 0

    def expire(self, now_ns: int) -> None:
        """Let time pass for the barrier and its line."""
        raise NotImplementedError

    # --- people -----------------------------------------------------------------------

    def arrive(self, now_ns: int, persons: int = 1) -> None:
        """People step into the zone from the side of admission."""
        self.expire(now_ns)
        self.barrier.arrive(self.barrier.exit, persons)

    def leave_back(self, now_ns: int, persons: int = 1) -> None:
        """People turn round and leave."""
        self.expire(now_ns)
        self.barrier.leave_back(self.barrier.exit, persons)

    def try_pass(self, now_ns: int, persons: int = 1, stays_ms: int = 0) -> bool:
        """People in the zone walk through; two of them on one release is tailgating.

        Returns whether they are on their way; the counter moves when they are through.
        """
        self.expire(now_ns)
        return self.barrier.start_passage(self.barrier.exit, persons, now_ns, stays_ms)

    @property
    def zone(self) -> int:
        """Persons and things in the zone, those on the way through included."""
        barrier = self.barrier
        return barrier.exit.waiting + barrier.entry.waiting + barrier.things

    @property
    def passing(self) -> bool:
        """Whether a person is on the way through."""
        return self.barrier.passing

    @property
    def authorised(self) -> int:
        """Passages released in the exit direction."""
        return self.barrier.exit.authorised

    @property
    def open(self) -> bool:
        """Whether the leaf gives way in the exit direction."""
        return self.barrier.lets(self.barrier.exit)

    @property
    def passages(self) -> int:
        """Counter of the exit direction."""
        return self.barrier.exit.counter

    # --- faults -----------------------------------------------------------------------

    def set_fire(self, now_ns: int, *, active: bool) -> None:
        """Work the fire input."""
        self.expire(now_ns)
        self.barrier.set_fire(active=active)

    def climb(self, persons: int) -> None:
        """People get past the closed leaf: a negative number of them against the direction."""
        side = self.barrier.exit if persons > 0 else self.barrier.entry
        side.counter = (side.counter + abs(persons)) % COUNTER_MODULO
        if side is self.barrier.exit:
            self.barrier.passed += persons

    def set_counter(self, value: int) -> None:
        """Set the counter of the exit direction, to see it wrap."""
        self.barrier.exit.counter = value % COUNTER_MODULO
