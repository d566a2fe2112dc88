"""The recorded inbox, and its replay.

A trace is a file of JSON lines. The first line holds the profile and the lane as it stood
when the file was begun, so that a file needs nothing but itself; every further line is one
event with its instant and the running hash of all commands up to and including it. Nothing
in it names a person: the core sees derived attributes and handles only.

Live, traces form a ring: a file that has grown to its limit is followed by a new one, and
the oldest goes. A trace is worth less than a record: a disk that fails or fills ends it with
an alarm, leaves its place to the journal, and is started again after a while.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from firmware_cfg.profile import Profile
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import Event
from gate_agent.core.record import profile_sha256
from gate_agent.core.states import State
from gate_agent.loop import Loop, Turn

log = logging.getLogger("egate.trace")

VERSION = 2
"""2: the facts of a record name their kind, which `Append` does not."""
MAX_LINE_BYTES = 1_000_000
RETRY_NS = 60_000_000_000


class TraceError(Exception):
    """A file is not a trace of this version; `diagnosis` states where and why."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First line of a trace."""

    version: int = VERSION
    profile_sha256: str
    profile: Profile
    state: State
    ledger: Ledger


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event, and the running hash of the commands after it."""

    at_ns: int
    event: Event
    commands_sha256: str


class Difference(NamedTuple):
    """Where a replay first gives other commands than the trace."""

    line: int
    at_ns: int
    event: Event


_SORTED = msgspec.json.Encoder(order="sorted")
_PLAIN = msgspec.json.Encoder()


class TraceHash:
    """Running hashes of a run: of its commands alone, and of events and commands."""

    def __init__(self) -> None:
        self._commands = hashlib.sha256()
        self._trace = hashlib.sha256()

    def add(self, turn: Turn) -> None:
        """Take one turn."""
        encode = _SORTED.encode
        self._trace.update(b"%d %b\n" % (turn.at_ns, encode(turn.event)))
        for command in turn.commands:
            encoded = encode(command) + b"\n"
            self._commands.update(encoded)
            self._trace.update(encoded)

    @property
    def commands_sha256(self) -> str:
        """Hash over all commands since the last `restart`."""
        return self._commands.hexdigest()

    def restart(self) -> None:
        """Start counting commands again: a new file of the ring begins."""
        self._commands = hashlib.sha256()

    @property
    def trace_sha256(self) -> str:
        """Hash over every instant, event and command: the same for the same run."""
        return self._trace.hexdigest()


class Recorder:
    """Writes the ring of traces of one lane.

    Args:
        directory: where the files are; created if absent.
        loop: the lane before its first turn.
        max_bytes: size at which a file is followed by a new one.
        files: how many files are kept.
    """

    def __init__(
        self, directory: Path, loop: Loop, *, max_bytes: int = 8_000_000, files: int = 8
    ) -> None:
        with contextlib.suppress(OSError):  # then no file can be begun either, which is an alarm
            directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._profile = loop.profile
        self._max_bytes = max_bytes
        self._files = files
        self._number = max((_number(path) for path in traces(directory)), default=0)
        self._hash = TraceHash()
        self._file: IO[bytes] | None = None
        self._again_ns = 0
        self.alarm = ""
        self._begin(loop.state, loop.ledger, None)

    @property
    def trace_sha256(self) -> str:
        """Hash over the whole run so far."""
        return self._hash.trace_sha256

    def __call__(self, turn: Turn) -> None:
        """Write one turn."""
        self._hash.add(turn)
        if self._file is None:
            if turn.at_ns >= self._again_ns:
                self._begin(turn.after, turn.ledger, turn.at_ns)
            return
        known = self._hash.commands_sha256
        line = Line(at_ns=turn.at_ns, event=turn.event, commands_sha256=known)
        try:
            _write_all(self._file, _PLAIN.encode(line) + b"\n")
            full = self._file.tell() >= self._max_bytes
        except OSError as error:
            self._give_up(error, turn.at_ns)
            return
        if full:
            self._file.close()
            self._begin(turn.after, turn.ledger, turn.at_ns)

    def close(self) -> None:
        """Close the present file."""
        if self._file is not None:
            self._file.close()

    def _begin(self, state: State, ledger: Ledger, now_ns: int | None) -> None:
        """Begin the next file of the ring."""
        self._number += 1
        self._hash.restart()
        header = Header(
            profile_sha256=profile_sha256(self._profile),
            profile=self._profile,
            state=state,
            ledger=ledger,
        )
        try:
            # Unbuffered: a line is at the kernel or it is not; nothing fails later, at close.
            path = self._directory / f"trace-{self._number:08d}.jsonl"
            self._file = path.open("wb", buffering=0)
            for old in traces(self._directory)[: -self._files]:
                old.unlink()
            _write_all(self._file, msgspec.json.encode(header) + b"\n")
            self.alarm = ""
        except OSError as error:
            self._give_up(error, now_ns)

    def _give_up(self, error: OSError, now_ns: int | None) -> None:
        """End the trace for a while, and leave the room of its older files to the journal."""
        self.alarm = f"no trace is kept: {error.strerror}"
        log.error("%s", self.alarm)
        if self._file is not None:
            self._file.close()
            self._file = None
        for old in traces(self._directory)[:-1]:
            with contextlib.suppress(OSError):  # a disk that fails may fail at this, too
                old.unlink()
        self._again_ns = 0 if now_ns is None else now_ns + RETRY_NS


def _write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of it: an unbuffered file may take less."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def traces(directory: Path) -> list[Path]:
    """The traces of a ring, oldest first."""
    return sorted(directory.glob("trace-????????.jsonl"))


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("trace-")
    return int(digits) if digits.isdecimal() else 0


def replay(path: Path) -> Difference | None:
    """Run a trace through the core again; give the first difference in commands.

    A last line that was cut off by a power loss is left out.

    Raises:
        TraceError: the file is not a trace, or of another version or profile.
    """
    for number, line, replayed, _ in _replayed(path):
        if replayed != line.commands_sha256:
            return Difference(number, line.at_ns, line.event)
    return None


def turns(path: Path) -> Iterator[Turn]:
    """Every turn of a trace, made again by the core.

    Raises:
        TraceError: see `replay`.
    """
    for _, _, _, turn in _replayed(path):
        yield turn


def _replayed(path: Path) -> Iterator[tuple[int, Line, str, Turn]]:
    line_decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as file:
        loop = _begin(file)
        running = TraceHash()
        for number, text in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 2):
            if not text.endswith(b"\n"):
                if len(text) < MAX_LINE_BYTES:
                    return
                raise TraceError(f"line {number} is too long")
            try:
                line = line_decoder.decode(text)
            except msgspec.MsgspecError as error:
                raise TraceError(f"line {number} does not decode: {error}") from error
            turn = loop.turn(line.at_ns, line.event)
            running.add(turn)
            yield number, line, running.commands_sha256, turn


def _begin(file: IO[bytes]) -> Loop:
    text = file.readline(MAX_LINE_BYTES)
    try:
        header = msgspec.json.decode(text, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TraceError(f"line 1 is no header: {error}") from error
    if header.version != VERSION:
        raise TraceError(f"version {header.version}, this is {VERSION}")
    if header.profile_sha256 != profile_sha256(header.profile):
        raise TraceError("the profile in the header is not the one it names")
    return Loop(header.state, header.profile, ledger=header.ledger)
