"""Recorded inboxes read again: replay, what-if under another profile, and what happened when."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from firmware_cfg.profile import Profile
from gate_agent.core.facts import DecisionFacts
from gate_agent.core.messages import Append, Command, Event
from gate_agent.core.policy import decide, policy_settings
from gate_agent.core.states import Dossier, State, dossier_of
from gate_agent.loop import Loop
from gate_agent.records.recorder import MAX_LINE_BYTES, Header, Line, TraceError, traces


class Moment(NamedTuple):
    """One line of a trace, and what the core did with it under the trace's own profile."""

    line: int
    at_ns: int
    event: Event
    before: State
    after: State
    commands: tuple[Command, ...]


class Flip(NamedTuple):
    """A decision that another profile would change."""

    ticket: int
    at_ns: int
    recorded: str
    recorded_reasons: tuple[str, ...]
    other: str
    other_reasons: tuple[str, ...]


class WhatIf(NamedTuple):
    """What another profile would have changed: the first other command, and each decision."""

    decisions: int
    flips: list[Flip]
    first_line: int | None
    first_at_ns: int | None
    first_event: str


def files_of(path: Path) -> list[Path]:
    """A trace, or all files of a ring, oldest first.

    Raises:
        TraceError: there is none.
    """
    found = traces(path) if path.is_dir() else [path]
    if not found:
        raise TraceError(f"{path} holds no trace")
    return found


def header_of(path: Path) -> Header:
    """The first line of a trace.

    Raises:
        TraceError: the file is not a trace.
    """
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.readline(MAX_LINE_BYTES), type=Header)
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TraceError(f"{path}: line 1 is no header: {error}") from error


def moments(path: Path) -> Iterator[Moment]:
    """Go through one file of a trace; a last line cut off by a power loss is left out.

    Raises:
        TraceError: the file is not a trace.
    """
    header = header_of(path)
    loop = Loop(header.state, header.profile, ledger=header.ledger)
    for number, line in _lines(path):
        done = loop.turn(line.at_ns, line.event)
        yield Moment(number, line.at_ns, line.event, done.before, done.after, done.commands)


def _lines(path: Path) -> Iterator[tuple[int, Line]]:
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as file:
        file.readline(MAX_LINE_BYTES)
        for number, text in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 2):
            if not text.endswith(b"\n"):
                return
            try:
                yield number, decoder.decode(text)
            except msgspec.MsgspecError as error:
                raise TraceError(f"{path}: line {number} does not decode: {error}") from error


def other_profile(profile: Profile, overlay: Path | None, policy: Path | None) -> Profile:
    """A profile with an overlay over it: a whole or partial profile, or its policy alone.

    Raises:
        TraceError: a file cannot be read, or what comes out is not a profile.
    """
    plain: dict[str, Any] = msgspec.to_builtins(profile)
    for path, under in ((overlay, None), (policy, "policy")):
        if path is None:
            continue
        try:
            read = tomllib.loads(path.read_text())
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TraceError(f"{path}: {error}") from error
        if under is not None:
            read = {under: read.get(under, read)}
        for section, fields in read.items():
            plain[section] = {**plain.get(section, {}), **fields}
    try:
        return msgspec.convert(plain, Profile)
    except msgspec.ValidationError as error:
        raise TraceError(f"what would be is not a profile: {error}") from error


def what_if(path: Path, overlay: Path | None, policy: Path | None) -> WhatIf:
    """Hold another profile against the decisions of a trace.

    Each decision is made once more on the very evidence it was made on; the events are those
    that were recorded, so what people and devices would have done next is not guessed.

    Raises:
        TraceError: see `other_profile` and `moments`.
    """
    decisions, flips = 0, []
    first: Moment | None = None
    for file in files_of(path):
        header = header_of(file)
        profile = other_profile(header.profile, overlay, policy)
        other = Loop(header.state, profile, ledger=header.ledger)
        for moment in moments(file):
            turn = other.turn(moment.at_ns, moment.event)
            if first is None and _bare(moment.commands) != _bare(turn.commands):
                first = moment
            for command in moment.commands:
                if isinstance(command, Append) and isinstance(command.facts, DecisionFacts):
                    decisions += 1
                    flip = _flip(moment, command.ticket, command.facts, profile)
                    flips += [flip] if flip is not None else []
    return WhatIf(
        decisions,
        flips,
        first.line if first else None,
        first.at_ns if first else None,
        type(first.event).__name__ if first else "",
    )


def _flip(moment: Moment, ticket: int, facts: DecisionFacts, profile: Profile) -> Flip | None:
    dossier = _dossier(moment, ticket)
    if dossier is None:
        return None
    decided = decide(dossier.evidence, policy_settings(profile))
    if decided.outcome is facts.outcome:
        return None
    others = tuple(reason.value for reason in decided.reasons)
    reasons = tuple(reason.value for reason in facts.reasons)
    recorded = facts.outcome.value
    return Flip(ticket, moment.at_ns, recorded, reasons, decided.outcome.value, others)


def _bare(commands: tuple[Command, ...]) -> list[Any]:
    """Commands without the hash of the profile, in which any two profiles differ."""
    plain = []
    for command in commands:
        built = msgspec.to_builtins(command)
        if isinstance(command, Append):
            built["facts"] = {
                name: value for name, value in built["facts"].items() if name != "profile_sha256"
            }
        plain.append(built)
    return plain


def _dossier(moment: Moment, ticket: int) -> Dossier | None:
    for state in (moment.after, moment.before):
        dossier = dossier_of(state.crossing)
        if dossier is not None and dossier.ticket == ticket:
            return dossier
    return None
