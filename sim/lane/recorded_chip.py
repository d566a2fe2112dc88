"""A chip whose conversation was recorded once, and is played back on the wire.

The driver draws its nonces from the document's own random stream, so the same passport is
asked the same questions, byte for byte, wherever and whenever it is read. The first reading
in a run is carried out by the emulated chip, with all its cryptography, and recorded; later
ones get the recorded answers after the recorded time.

The driver on the other side is the production driver, byte for byte. Two functions of it are
computed once for the same arguments and remembered: multiples of points on a curve, and the
judgement on an EF.SOD. Session keys, secure messaging and hashes are computed each time.

A question that is not the recorded one (the passport was pulled away, a frame was damaged)
brings the emulated chip back: it is led through what was exchanged so far, and goes on live.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from drivers.passport.chip.agreement import multiply
from drivers.passport.inspection.crypto_backend import CryptoBackend
from drivers.passport.trust.passive_authentication import authenticate_sod
from sim.chip.card import Chip
from sim.chip.model import Card
from sim.wires.replayed_reading import Readings

MAX_DOCUMENTS = 4_096
MAX_EXCHANGES = 4_096
MAX_REMEMBERED = 16_384


class _Exchange(NamedTuple):
    """A command and its answer; no command is a power-up."""

    command: bytes | None
    response: bytes | None
    computing_ns: int
    silent: bool


Transcript = list[_Exchange]


class Transcripts:
    """What chips answered in this run, by document.

    Attributes:
        computed, replayed: answers of chips that were computed, and played back.
        crypto: what a reader computes once for the same arguments.
        readings: whole readings that repeat.
    """

    def __init__(self) -> None:
        self._multiply = lru_cache(MAX_REMEMBERED)(multiply)
        self._authenticate = lru_cache(MAX_REMEMBERED)(authenticate_sod)
        self.crypto = CryptoBackend(self._multiply, self._authenticate)
        self._by_document: dict[str, Transcript] = {}
        self.readings = Readings()
        self.computed = 0
        self.replayed = 0

    @property
    def counts(self) -> dict[str, int]:
        """What was computed, and what not, by its name in a result."""
        known = self._multiply.cache_info(), self._authenticate.cache_info()
        return {
            "answers_computed": self.computed,
            "answers_played_back": self.replayed,
            "costly_computed": sum(one.misses for one in known),
            "costly_remembered": sum(one.hits for one in known),
            "readings_counted": self.readings.repeated,
        }

    def of(self, document: str) -> Transcript:
        """The transcript of a document, an empty one before its first reading."""
        if document not in self._by_document and len(self._by_document) >= MAX_DOCUMENTS:
            del self._by_document[next(iter(self._by_document))]
        return self._by_document.setdefault(document, [])


class RecordedChip(Chip):
    """A chip in the field that speaks from its transcript as far as that goes.

    Args:
        card: what it is.
        fresh: the document's random stream from its beginning.
        transcripts: of the run.
        document: names the document in it.
    """

    def __init__(
        self,
        card: Card,
        fresh: Callable[[], random.Random],
        transcripts: Transcripts,
        document: str,
    ) -> None:
        super().__init__(card, fresh().randbytes)
        self._fresh = fresh
        self._transcripts = transcripts
        self._transcript = transcripts.of(document)
        self._place = 0
        self._live: Chip | None = None
        self._true = True
        self._silent = False

    @property
    def silent(self) -> bool:
        """Whether it has fallen silent for good."""
        return self._silent

    def power_up(self) -> None:
        """The field came on."""
        self._answer(None)

    def transmit(self, raw: bytes) -> tuple[bytes | None, int]:
        """Response APDU (None: no answer) and the nanoseconds the chip computes for it."""
        answered = self._answer(raw)
        return answered.response, answered.computing_ns

    def _answer(self, command: bytes | None) -> _Exchange:
        if self._live is None and self._place < len(self._transcript):
            answered = self._transcript[self._place]
            if answered.command == command:
                self._place += 1
                self._silent = answered.silent
                self._transcripts.replayed += 1
                return answered
            self._true = False
        answered = self._compute(command)
        self._transcripts.computed += 1
        if self._true and self._place < MAX_EXCHANGES:
            self._transcript.append(answered)
        self._place += 1
        self._silent = answered.silent
        return answered

    def _compute(self, command: bytes | None) -> _Exchange:
        live = self._live
        if live is None:
            live = self._live = Chip(self.card, self._fresh().randbytes)
            for answered in self._transcript[: self._place]:
                _ask(live, answered.command)
        return _ask(live, command)


def _ask(chip: Chip, command: bytes | None) -> _Exchange:
    if command is None:
        chip.power_up()
        return _Exchange(None, None, 0, chip.silent)
    response, computing_ns = chip.transmit(command)
    return _Exchange(command, response, computing_ns, chip.silent)
