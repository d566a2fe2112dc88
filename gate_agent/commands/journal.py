"""`egate journal`: show, verify and copy a gate's journal. The agent may be running."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import days, seq


def register(commands: Any) -> None:
    """Add `egate journal` to the command line."""
    group = commands.add_parser("journal", help="verify, show, export, back up a gate's journal")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    verify = _action(actions, "verify", "check every record, the tree and the newest receipt")
    verify.add_argument(
        "--centre-key", type=Path, metavar="FILE", help="centre.pub: check signatures"
    )
    verify.set_defaults(run=_run(_verify))
    show = _action(actions, "show", "where the journal stands, or one record")
    show.add_argument("seq", nargs="?", type=seq, help="the record's place")
    show.add_argument("--key", type=Path, metavar="FILE", help="journal.key: the identity, too")
    show.add_argument(
        "--table",
        choices=("journal", "records", "outbox", "crossings"),
        help="the rows of one table as they are stored, bytes in hex; not those of salts and keys",
    )
    show.set_defaults(run=_run(_show))
    export = _action(actions, "export", "write what the centre confirmed as evidence")
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    export.add_argument("--gate-key", type=Path, required=True, metavar="FILE", help="gate.pub")
    export.add_argument("--centre-key", type=Path, required=True, metavar="FILE", help="centre.pub")
    export.set_defaults(run=_run(_export))
    backup = _action(actions, "backup", "copy records to one new file, keys and salts to another")
    backup.add_argument("--records", type=Path, required=True, metavar="FILE")
    backup.add_argument("--keys", type=Path, required=True, metavar="FILE")
    backup.set_defaults(run=_run(_backup))
    restore = _action(actions, "restore", "make FILE from a backup; erasures are repeated first")
    restore.add_argument("--records", type=Path, required=True, metavar="FILE")
    restore.add_argument("--keys", type=Path, metavar="FILE", help="without it: no identities")
    restore.set_defaults(run=_run(_restore))
    trim = _action(actions, "trim", "remove what the centre confirmed and is older than --days")
    trim.add_argument(
        "--days",
        type=days,
        metavar="N",
        help="keep what is younger; default: sync.journal_days as shipped",
    )
    trim.add_argument(
        "--profile",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="the lane: days are of its calendar, and its sync.journal_days is the default",
    )
    trim.add_argument(
        "--centre-key", type=Path, metavar="FILE", help="centre.pub: check signatures first"
    )
    trim.set_defaults(run=_run(_trim))
    schema = actions.add_parser("schema", help="print the JSON Schema of a record")
    schema.set_defaults(run=_schema)


def _schema(_: argparse.Namespace) -> int:
    from gate_agent.records.record_schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _action(actions: Any, name: str, text: str) -> Any:
    """Add one action on a journal."""
    action = actions.add_parser(name, help=text)
    action.add_argument("journal", type=Path, metavar="FILE", help="the journal's database")
    action.add_argument("--json", action="store_true", help="print JSON")
    return action


def _run(action: Any) -> Any:
    """Print what an action finds; exit 1 for a journal that is not good, 2 for bad files."""

    def run(arguments: argparse.Namespace) -> int:
        from gate_agent.host.secrets_on_disk import KeyUnusable
        from sync.log.errors import SyncError

        try:
            result: dict[str, Any] = action(arguments)
        except (SyncError, KeyUnusable) as error:
            sys.stderr.write(f"egate journal: {error.diagnosis}\n")
            return 2
        if arguments.json:
            print(json.dumps(result, default=repr))
        else:
            for name, value in result.items():
                if name != "problems":
                    for row in value if isinstance(value, list) else [value]:
                        print(f"{name:<14} {row}")
            for problem in result.get("problems", ()):
                print(
                    f"WRONG          {problem['gate']} record {problem['seq']}: {problem['what']}"
                )
        return 0 if result.get("ok", True) else 1

    return run


def _verify(arguments: argparse.Namespace) -> dict[str, Any]:
    from sync.gate.journal_reader import JournalReader
    from sync.log.keys import read_public_key

    key = None if arguments.centre_key is None else read_public_key(arguments.centre_key)
    with closing(JournalReader(arguments.journal)) as reader:
        problems = reader.verify(key)
        return {
            "gate": reader.gate,
            "epoch": reader.epoch,
            "records": reader.last_seq(),
            "trimmed_to": reader.trimmed().seq,
            "kept": reader.kept(),
            "receipt_seq": reader.receipt_seq(),
            "signatures": "checked" if key else "not checked: no --centre-key",
            "problems": [{"gate": reader.gate, **problem._asdict()} for problem in problems],
            "ok": not problems,
        }


def _trim(arguments: argparse.Namespace) -> dict[str, Any]:
    from firmware_cfg.profile import Sync
    from firmware_cfg.time_zone import local_time
    from gate_agent import live
    from gate_agent.commands.gate_day import zone_of
    from gate_agent.records.night_trim import cutoff
    from sync.gate.trim_once import trim_once
    from sync.log.keys import read_public_key

    key = None if arguments.centre_key is None else read_public_key(arguments.centre_key)
    kept_days = Sync().journal_days if arguments.days is None else arguments.days
    found = trim_once(
        arguments.journal,
        cutoff(local_time(zone_of(arguments.profile), live.utc_now()), kept_days),
        kept_days,
        key,
        live.system_random,
        live.utc_text(),
        live.monotonic_ns(),
    )
    result: dict[str, Any] = {
        "trimmed": found.trimmed,
        "kept": found.kept,
        "bytes_before": found.bytes_before,
        "bytes_after": found.bytes_after,
        "head": {"seq": found.seq, "root": found.root, "checkpoint": found.checkpoint},
        "signatures": "checked" if key else "not checked: no --centre-key",
    }
    if found.problems:
        named = [{"gate": "", **problem._asdict()} for problem in found.problems]
        result |= {"problems": named, "ok": False}
    return result


def _show(arguments: argparse.Namespace) -> dict[str, Any]:
    import msgspec

    from gate_agent.host.secrets_on_disk import read_key
    from sync.gate.journal_reader import JournalReader
    from sync.log.at_gate import at_gate
    from sync.log.encoding import decode_record
    from sync.log.envelope import KEY_BYTES
    from sync.log.errors import RecordMalformed

    with closing(JournalReader(arguments.journal)) as reader:
        if arguments.table is not None:
            return {arguments.table: [_printable(row) for row in reader.table(arguments.table)]}
        if arguments.seq is None:
            last, confirmed = reader.last_seq(), reader.receipt_seq()
            receipt = reader.receipt()
            return {
                "gate": reader.gate,
                "epoch": reader.epoch,
                "demo": reader.demo,
                "records": last,
                "trimmed_to": reader.trimmed().seq,
                "receipt_seq": confirmed,
                "unsent": last - confirmed,
                "root": reader.root().hex(),
                "checkpoint": "" if receipt is None else receipt.checkpoint,
            }
        rows = [row for row in reader.stored(arguments.seq) if row.seq == arguments.seq]
        if arguments.seq and arguments.seq <= reader.trimmed().seq:
            raise RecordMalformed(f"record {arguments.seq} was trimmed; the central system has it")
        if not rows:
            raise RecordMalformed(f"there is no record {arguments.seq}")
        shown: dict[str, Any] = {"seq": arguments.seq, "commitment": rows[0].commitment.hex()}
        if not rows[0].encoded:
            return shown | {"erased": True}
        record = decode_record(rows[0].encoded)
        shown |= {"kind": record.kind.value, "ticket": record.ticket, "utc": record.utc}
        shown["at_gate"] = at_gate(record)
        shown |= {
            "facts": msgspec.to_builtins(record.facts),
            "identity": record.identity and "sealed",
        }
        if arguments.key is not None:
            shown["identity"] = reader.identity(arguments.seq, read_key(arguments.key)[:KEY_BYTES])
        return shown


def _printable(row: dict[str, Any]) -> dict[str, Any]:
    """A stored row with its bytes in hex."""
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


def _export(arguments: argparse.Namespace) -> dict[str, Any]:
    from sync.centre.evidence import LogEvidence, write_evidence
    from sync.centre.types import LogEnd, LogStart
    from sync.gate.journal_reader import JournalReader
    from sync.log.errors import StorageUnavailable
    from sync.log.keys import read_public_key

    gate_key = read_public_key(arguments.gate_key)
    centre_key = read_public_key(arguments.centre_key)
    with closing(JournalReader(arguments.journal)) as reader, reader.snapshot():
        receipt = reader.receipt()
        point = reader.trimmed()
        start = LogStart(point.seq, point.commitment, point.frontier.peaks)
        end = LogEnd(0, "00" * 32, "")
        if receipt is not None:
            end = LogEnd(receipt.seq, receipt.commitment, receipt.checkpoint)
        rows = reader.stored(end.seq)
        log = LogEvidence(reader.gate, reader.epoch, gate_key, end, (0, ""), [], rows, start)
        try:
            with arguments.out.open("x") as file:
                count = write_evidence(file, centre_key, [log])
        except OSError as error:
            raise StorageUnavailable(f"{arguments.out.name}: {error.strerror}") from error
    return {"file": str(arguments.out), "records": count}


def _backup(arguments: argparse.Namespace) -> dict[str, Any]:
    from sync.gate.journal_backup import backup

    backup(arguments.journal, arguments.records, arguments.keys)
    return {"records": str(arguments.records), "keys": str(arguments.keys)}


def _restore(arguments: argparse.Namespace) -> dict[str, Any]:
    from sync.gate.journal_backup import restore

    repeated = restore(arguments.records, arguments.keys, arguments.journal)
    return {"journal": str(arguments.journal), "erasures_repeated": repeated}
