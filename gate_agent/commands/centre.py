"""`egate centre`: the central system."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from gate_agent.commands import centre_admin
from gate_agent.commands.broker import add_broker, tls_of
from gate_agent.commands.numbers import seq

MAX_SHARDS = 256


def register(commands: Any) -> None:
    """Add `egate centre` to the command line."""
    group = commands.add_parser("centre", help="the central system: collect records of gates")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    run = actions.add_parser("run", help="collect from a broker until stopped (SIGTERM)")
    run.add_argument("--state", type=Path, required=True, help="database and centre.key")
    run.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="enrol a gate with its public key; repeat for each gate",
    )
    run.add_argument(
        "--shard",
        default="1/1",
        metavar="N/OF",
        help="one of several collectors beside each other on PostgreSQL: 1/4, 2/4, ... each"
        " serves its share of the gates (default: alone)",
    )
    run.add_argument("--demo", action="store_true", help="accept keys marked as demo material")
    add_broker(run)
    run.set_defaults(run=_run)
    audit = _action(actions, "audit", "check every log against what gates and centre signed")
    audit.set_defaults(run=_stopped_by(_audit))
    show = _action(actions, "show", "gates and how far their logs go, or one record")
    show.add_argument("--gate", help="with --seq: the record of this gate")
    show.add_argument("--seq", type=seq, help="decrypts its identity with the centre's key")
    show.set_defaults(run=_stopped_by(_show))
    centre_admin.register(actions)
    enrol = _action(
        actions, "enrol", "accept a gate, or revoke it; with SQLite stop the collector first"
    )
    enrol.add_argument("name", metavar="GATE")
    enrol.add_argument("key", nargs="?", type=Path, metavar="FILE", help="the gate's gate.pub")
    enrol.add_argument(
        "--token", action="store_true", help="print a token with which the gate enrols itself"
    )
    enrol.add_argument("--days", type=int, default=1, help="a token is good for (%(default)s)")
    enrol.add_argument("--revoke", action="store_true", help="accept nothing from it any more")
    enrol.set_defaults(run=_stopped_by(_enrol))
    erase = _action(
        actions, "erase", "erase records, the proof stays; with SQLite stop the collector"
    )
    erase.add_argument("--gate", required=True)
    erase.add_argument("--epoch", help="needed if the gate has had several journals")
    erase.add_argument("--reason", required=True, help="one line, kept and signed")
    erase.add_argument("seq", nargs="+", type=seq, help="places of records")
    erase.set_defaults(run=_stopped_by(_erase))
    _register_prove(actions)
    export = _action(actions, "export", "write every log as evidence for `egate audit`")
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    export.set_defaults(run=_stopped_by(_export))


def _register_prove(actions: Any) -> None:
    prove = _action(
        actions, "prove", "that a record is in a log, or that a log only grew (RFC 6962)"
    )
    prove.add_argument("--gate", required=True)
    prove.add_argument("--epoch", help="needed if the gate has had several journals")
    about = prove.add_mutually_exclusive_group(required=True)
    about.add_argument("--seq", type=seq, help="the record's place")
    about.add_argument("--since", type=seq, metavar="SIZE", help="the log's size then")
    prove.set_defaults(run=_stopped_by(_prove))


def _action(actions: Any, name: str, text: str) -> Any:
    """Add one action on the central system's state."""
    action = actions.add_parser(name, help=text)
    action.add_argument("--state", type=Path, required=True, help="database and keys")
    action.add_argument("--json", action="store_true", help="print JSON")
    return action


def _stopped_by(action: Any) -> Any:
    """Run an action; exit 2 with one line for what stops it."""

    def run(arguments: argparse.Namespace) -> int:
        from sync.log.errors import SyncError

        try:
            return int(action(arguments))
        except SyncError as error:
            sys.stderr.write(f"egate centre: {error.diagnosis}\n")
            return 2

    return run


def _print(arguments: argparse.Namespace, result: dict[str, Any]) -> int:
    """Print a result as JSON or line by line."""
    if arguments.json:
        print(json.dumps(result, default=repr))
        return 0
    for name, value in result.items():
        rows = value if isinstance(value, list) else [value]
        for row in rows:
            print(f"{name:<14} {row}")
    return 0


def _audit(arguments: argparse.Namespace) -> int:
    from gate_agent.commands.evidence import print_findings
    from gate_agent.compose.centre import store_place
    from sync.centre.heads import check_heads
    from sync.centre.store import CentreStore
    from sync.log.keys import read_centre_keys

    keys = read_centre_keys(arguments.state, accept_demo=True)
    with closing(CentreStore(store_place(arguments.state), read_only=True)) as store:
        earlier = check_heads(arguments.state / "heads", store, keys.signing.public)
        found = [*store.audit(keys.signing.public, keys.opening), *earlier]
        findings = [finding._asdict() for finding in found]
        result = {
            "gates": len(store.gates()),
            "logs": len(store.logs()),
            "records": store.count(),
            "erased": sum(standing.erased for standing in store.standing()),
            "quarantined": len(store.quarantine.messages()),
            "findings": findings,
            "ok": not findings,
        }
    return print_findings(result, as_json=arguments.json)


def _show(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.centre import store_place
    from sync.centre.office import record_at
    from sync.centre.store import CentreStore
    from sync.log.keys import read_centre_keys

    with closing(CentreStore(store_place(arguments.state), read_only=True)) as store:
        if arguments.gate is not None and arguments.seq is not None:
            keys = read_centre_keys(arguments.state, accept_demo=True)
            return _print(arguments, record_at(store, keys, arguments.gate, arguments.seq))
        logs = [standing._asdict() for standing in store.standing()]
        quarantined = [each._asdict() for each in store.quarantine.messages()]
        enrolled = store.gates()
    return _print(arguments, {"gates": enrolled, "logs": logs, "quarantine": quarantined})


def _prove(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.centre import store_place
    from sync.centre.office import log_of
    from sync.centre.proof import prove_growth, prove_record
    from sync.centre.store import CentreStore

    gate = arguments.gate
    with closing(CentreStore(store_place(arguments.state), read_only=True)) as store:
        epoch = log_of(store, gate, arguments.epoch)
        if arguments.seq is not None:
            return _print(arguments, prove_record(store, gate, epoch, arguments.seq))
        return _print(arguments, prove_growth(store, gate, epoch, arguments.since))


def _enrol(arguments: argparse.Namespace) -> int:
    from gate_agent import live
    from gate_agent.compose.centre import store_place
    from sync.centre.store import CentreStore
    from sync.log.errors import EnrolmentRefused
    from sync.log.keys import read_public_key

    if arguments.token:
        return centre_admin.make_token(arguments)
    with closing(CentreStore(store_place(arguments.state))) as store:
        if arguments.revoke:
            store.revoke(arguments.name, live.utc_text())
        elif arguments.key is None:
            raise EnrolmentRefused("a gate is enrolled with its gate.pub, or with a --token")
        else:
            store.enrol(arguments.name, read_public_key(arguments.key), live.utc_text())
    return _print(arguments, {"gate": arguments.name, "revoked": arguments.revoke})


def _erase(arguments: argparse.Namespace) -> int:
    from gate_agent import live
    from gate_agent.compose.centre import store_place
    from sync.centre.office import erase
    from sync.centre.store import CentreStore
    from sync.log.keys import read_centre_keys

    keys = read_centre_keys(arguments.state, accept_demo=True)
    place = (arguments.gate, arguments.epoch)
    with closing(CentreStore(store_place(arguments.state))) as store:
        erase(store, keys.signing, place, arguments.seq, live.utc_text(), arguments.reason)
    return _print(arguments, {"gate": arguments.gate, "erased": arguments.seq})


def _export(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.centre import store_place
    from sync.centre.evidence import write_evidence
    from sync.centre.office import evidence_of
    from sync.centre.store import CentreStore
    from sync.log.errors import StorageUnavailable
    from sync.log.keys import read_centre_keys

    key = read_centre_keys(arguments.state, accept_demo=True).signing.public
    with closing(CentreStore(store_place(arguments.state), read_only=True)) as store:
        try:
            with arguments.out.open("x") as file:
                count = write_evidence(file, key, evidence_of(store))
        except OSError as error:
            raise StorageUnavailable(f"{arguments.out.name}: {error.strerror}") from error
    return _print(arguments, {"file": str(arguments.out), "records": count})


def _run(arguments: argparse.Namespace) -> int:
    from gate_agent.compose.centre import run
    from sync.centre.run import Shard

    gates = {}
    for entry in arguments.gate:
        name, _, file = entry.partition("=")
        if not name or not file:
            sys.stderr.write(f"egate centre run: --gate {entry}: expected NAME=FILE\n")
            return 2
        gates[name] = Path(file)
    number, _, of = arguments.shard.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) <= MAX_SHARDS):
        sys.stderr.write(f"egate centre run: --shard {arguments.shard}: expected 1/4, 2/4 ...\n")
        return 2
    return run(
        arguments.state,
        (arguments.host, arguments.port),
        gates,
        tls=tls_of(arguments),
        shard=Shard(int(number), int(of)),
        accept_demo=arguments.demo,
    )
