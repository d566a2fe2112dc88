"""`egate rules`: check, try and compare rule packs before a gate decides by them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

FACTS_MAX_BYTES = 65_536
TIMED = 200
"""Decisions that are timed for the figure `us`."""


def register(commands: Any) -> None:
    """Add `egate rules` to the command line."""
    group = commands.add_parser("rules", help="check, try and compare packs of border rules")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = _action(
        actions, "check", _check, "look for gaps, overlaps and dead rows among all travellers"
    )
    check.add_argument("pack", metavar="PACK", help="a file, or default, indonesia, schengen")
    decide = _action(actions, "decide", _decide, "what a pack says of one traveller")
    decide.add_argument("pack", metavar="PACK")
    decide.add_argument("--facts", type=Path, required=True, metavar="FILE", help="JSON")
    diff = _action(actions, "diff", _diff, "who is treated differently by a new pack")
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")
    diff.add_argument(
        "--records", type=Path, metavar="PATH", help="exported records: a file or a folder"
    )


def _action(
    actions: Any, name: str, run: Callable[[argparse.Namespace], int], help_text: str
) -> Any:
    action = actions.add_parser(name, help=help_text)
    action.add_argument("--json", action="store_true", help="print JSON")
    action.set_defaults(run=lambda arguments: _guarded(run, arguments))
    return action


def _guarded(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run an action; unusable input is one line and exit code 2."""
    from firmware_cfg.packs.errors import PackError
    from gate_agent.inspect.bounded_file import TooLarge
    from sync.log.errors import EvidenceMalformed, RecordMalformed

    try:
        return run(arguments)
    except (PackError, TooLarge, EvidenceMalformed, RecordMalformed, OSError) as error:
        sys.stderr.write(f"egate rules: {error}\n")
    except msgspec.DecodeError as error:
        sys.stderr.write(f"egate rules: the facts cannot be read: {error}\n")
    return 2


def _pack(name: str) -> Any:
    from firmware_cfg.load import RULES_DIR
    from firmware_cfg.packs.pack import PACK_MAX_BYTES, parse
    from gate_agent.inspect.bounded_file import read_bounded

    shipped = RULES_DIR / f"{name}.toml"
    path = shipped if name.isidentifier() and shipped.exists() else Path(name)
    return parse(read_bounded(path, PACK_MAX_BYTES), path.name)


def _check(arguments: argparse.Namespace) -> int:
    from firmware_cfg.packs.check import check

    pack = _pack(arguments.pack)
    found = check(pack)
    if arguments.json:
        print(msgspec.json.encode(found).decode())
        return 0 if found.ok else 1
    print(
        f"{pack.name} {pack.version}: {len(pack.refer)} rows refer, {len(pack.grant)} grant; "
        f"{found.cells} classes of travellers in {found.row_sets} sets of rows"
    )
    for gap in found.gaps:
        print(f"gap: no row speaks of {_shown(gap.witness)}")
    for overlap in found.overlaps:
        print(f"overlap: {', '.join(overlap.rows)} grant at once to {_shown(overlap.witness)}")
    for row in found.dead_rows:
        print(f"dead: {row} changes nothing for any traveller")
    for value in pack.to_be_set:
        print(f"to be set by the authority: {value}")
    print(f"P(listed | referred) = {found.p_listed_given_referred:.4%}")
    print("good" if found.ok else "not good: mend the rows above")
    return 0 if found.ok else 1


def _decide(arguments: argparse.Namespace) -> int:
    from firmware_cfg.packs.compiled import Compiled
    from gate_agent.live import monotonic_ns

    compiled = Compiled(_pack(arguments.pack))
    facts = _facts(arguments.facts)
    verdict = compiled.decide(facts)
    began = monotonic_ns()
    for _ in range(TIMED):
        compiled.decide(facts)
    taken_us = (monotonic_ns() - began) / TIMED / 1000
    if arguments.json:
        print(json.dumps(msgspec.to_builtins(verdict) | {"us": round(taken_us, 3)}))
        return 0
    print(_outcome(verdict))
    print(f"rows: {', '.join(verdict.rows) or 'none'}")
    return 0


def _facts(path: Path) -> Any:
    """Facts of one traveller; an entitlement may be its class or an entry of the list."""
    from firmware_cfg.packs.columns import RuleFacts
    from gate_agent.inspect.bounded_file import read_bounded

    given = msgspec.json.decode(read_bounded(path, FACTS_MAX_BYTES))
    if not isinstance(given, dict):
        raise msgspec.ValidationError("an object with one key a column is wanted")
    unknown = set(given) - set(RuleFacts.__struct_fields__)
    if unknown:
        raise msgspec.ValidationError(f"no column is named {', '.join(sorted(unknown))}")
    if isinstance(given.get("entitlements"), list):
        given["entitlements"] = [code for one in given["entitlements"] for code in _held(one)]
    for name in ("age", "days_to_expiry"):
        if isinstance(given.get(name), int):
            given[name] = [given[name], given[name]]
    facts = msgspec.convert(given, RuleFacts)
    for name, bounds in (("age", facts.age), ("days_to_expiry", facts.days_to_expiry)):
        if bounds is not None and bounds[0] > bounds[1]:
            raise msgspec.ValidationError(f"{name}: the lower bound comes first")
    return facts


def _held(entitlement: Any) -> list[str]:
    if not isinstance(entitlement, dict):
        return [entitlement]
    declared = ["declaration"] if entitlement.get("declaration") is True else []
    return [code for code in [entitlement.get("kind")] if code] + declared


def _diff(arguments: argparse.Namespace) -> int:
    from firmware_cfg.packs.check import difference

    old, new = _pack(arguments.old), _pack(arguments.new)
    changes = difference(old, new)
    found: dict[str, Any] = {"classes_changed": msgspec.to_builtins(changes)}
    if arguments.records is not None:
        found |= _replayed(arguments, old, new)
    if arguments.json:
        print(json.dumps(found))
        return 0
    print(f"{len(changes)} kinds of travellers are treated differently")
    for change in changes:
        print(f"  {_shown(change.witness)}: {_outcome(change.before)} -> {_outcome(change.after)}")
    if arguments.records is not None:
        print(
            f"{found['records']} recorded decisions: {found['flipped']} differ "
            f"({found['more_open']} open, {found['more_closed']} close); "
            f"{found['without_inputs']} were made without rules"
        )
    return 0


def _replayed(arguments: argparse.Namespace, old: Any, new: Any) -> dict[str, Any]:
    from firmware_cfg.packs.compiled import Compiled
    from gate_agent.inspect.rule_records import evidence_files, extract, flips, joined
    from gate_agent.live import monotonic_ns

    began = monotonic_ns()
    extracted = joined(map(extract, evidence_files(arguments.records)))
    middle = monotonic_ns()
    changed = flips(Compiled(old), Compiled(new), extracted.counts)
    return {
        "records": extracted.records,
        "without_inputs": extracted.without_inputs,
        "distinct": len(extracted.counts),
        **changed._asdict(),
        "extract_s": round((middle - began) / 1e9, 3),
        "decide_s": round((monotonic_ns() - middle) / 1e9, 3),
    }


def _shown(facts: Any) -> str:
    """A traveller in words: the columns that are set."""
    given = msgspec.to_builtins(facts)
    return ", ".join(f"{name} {_value(value)}" for name, value in given.items()) or "any traveller"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        if len(value) == 2 and value[0] == value[1]:
            return str(value[0])
        return "+".join(map(str, value)) or "none"
    return str(value)


def _outcome(verdict: Any) -> str:
    return f"{verdict.outcome} ({', '.join(verdict.reasons or verdict.grants)})"
