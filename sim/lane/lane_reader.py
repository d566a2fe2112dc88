"""What lies on the passport reader of a virtual lane, and the random source that goes with it.

The random sources of driver and chip are the document's own, so the same passport is asked the
same questions, and answers them, wherever it is read.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Hashable

import msgspec

from drivers.passport.inspection.crypto_backend import COMPUTED
from drivers.passport.reader.passport_reader import PassportReader
from drivers.ports import Emission
from firmware_cfg.profile import Profile
from firmware_cfg.time_zone import calendar_day
from sim.chip.card import Chip
from sim.lane.compose import World, make_reader
from sim.lane.recorded_chip import RecordedChip
from sim.people.cast import Passport
from sim.scenario.scenario import stream
from sim.wires.links import Line, WiredDevice
from sim.wires.replayed_reading import ReadingDevice


class LaneReader:
    """The reader's surroundings, which outlast every power cut.

    Args:
        world: what all lanes share.
        profile: the lane's.
        name: names the lane's random source.
        now: the time by the lane's clock, None while that is not trusted.
    """

    def __init__(
        self,
        world: World,
        profile: Profile,
        name: str,
        now: Callable[[], datetime.datetime | None],
    ) -> None:
        self._world = world
        self._profile = profile
        self._now = now
        self._chance = stream(world.scenario.seed, name, "reader")
        self._settings = msgspec.json.encode((profile.mrz_reader, profile.chip_reader))
        self._lying: str | None = None

    def chip_of(self, passport: Passport) -> Chip:
        """The chip of a passport just laid down; the driver's random source is its own, too."""
        seed, transcripts = self._world.scenario.seed, self._world.transcripts
        self._chance = stream(seed, "reader", passport.name)
        self._lying = passport.name

        def fresh() -> random.Random:
            return stream(seed, "chip", passport.name)

        if transcripts is None:
            return Chip(passport.card, fresh().randbytes)
        return RecordedChip(passport.card, fresh, transcripts, passport.name)

    def clear(self) -> None:
        """Nothing lies on the reader."""
        self._lying = None

    def machine(self) -> PassportReader:
        """The production passport reader."""
        world = self._world
        crypto = COMPUTED if world.transcripts is None else world.transcripts.crypto
        return make_reader(
            self._profile, world.country, self._random, self._day, crypto, self._utc_day
        )

    def wired(
        self, machine: PassportReader, lines: dict[str, Line], emit: Callable[[Emission], None]
    ) -> WiredDevice:
        """The reader on its lines; one that does not carry what repeats, where that is asked."""
        world = self._world
        if world.transcripts is None or world.every_reading:
            return WiredDevice(world.kernel, machine, lines, emit)
        readings = world.transcripts.readings
        return ReadingDevice(world.kernel, machine, lines, emit, readings, self._circumstances)

    def _day(self) -> datetime.date | None:
        now = self._now()
        return calendar_day(self._profile.lane.time_zone, now) if now is not None else None

    def _utc_day(self) -> datetime.date | None:
        now = self._now()
        return now.date() if now is not None else None

    def _random(self, size: int) -> bytes:
        return self._chance.randbytes(size)

    def _circumstances(self) -> Hashable | None:
        """What a reading depends on besides its command; None while no passport lies there."""
        if self._lying is None:
            return None
        scenario = self._world.scenario
        days = (self._day(), self._utc_day())
        return (scenario.seed, scenario.start, self._settings, days, self._lying)
