"""`egate trust`: the installed store of CSCA certificates, master lists, CRLs, defect lists."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any


def default_store() -> Path:
    """Where the installed trust store is, beside the installation."""
    return Path(sys.prefix) / "share" / "egate" / "trust"


def register(commands: Any) -> None:
    """Add `egate trust` to the command line."""
    group = commands.add_parser("trust", help="import, list and verify what documents trust")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    add = actions.add_parser(
        "import",
        help="add certificates, master lists, CRLs, defect lists; exits 1 for other files",
    )
    add.add_argument("path", nargs="+", type=Path, help="files (DER, PEM, p7b, LDIF) or folders")
    add.set_defaults(run=partial(_guarded, "import", _import))
    listed = actions.add_parser("list", help="version, age and signer of each")
    listed.set_defaults(run=partial(_guarded, "list", _list))
    judged = actions.add_parser("verify", help="judge every signature; exits 1 if one is bad")
    judged.set_defaults(run=partial(_guarded, "verify", _verify))
    for action in actions.choices.values():
        action.add_argument(
            "--store",
            type=Path,
            default=default_store(),
            help="installed trust (default: beside egate)",
        )
        action.add_argument("--json", action="store_true", help="print JSON")


def _guarded(
    action: str, run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace
) -> int:
    """Run an action; one line and exit code 2 where a file or the store is not usable."""
    from drivers.passport.errors import DocumentError

    try:
        return run(arguments)
    except BrokenPipeError:
        raise  # the reader of our output has seen enough: no file is unusable
    except OSError as error:
        sys.stderr.write(f"egate trust {action}: {error.filename}: {error.strerror}\n")
    except DocumentError as error:
        sys.stderr.write(f"egate trust {action}: {arguments.store}: {error}\n")
    return 2


def _import(arguments: argparse.Namespace) -> int:
    from gate_agent.inspect import trust_store
    from gate_agent.live import utc_now

    today = utc_now().date()
    found = trust_store.read(arguments.path)
    imported = frozenset(source.sha256 for source, _ in found.sources)
    before = trust_store.installed(arguments.store, but=imported)
    new = trust_store.install(arguments.store, found.sources, today)
    refused = _refused("import", found)
    every = _rows([*found.parsed(), *before.parsed()], arguments.store, today)
    rows = [row for row in every if row["sha256"] in imported]
    marked = sum(row["demo"] for row in rows)
    if marked:
        sys.stderr.write(
            f"egate trust import: {arguments.store}: now has demo material ({marked}); lanes "
            "in service and document inspect refuse the store until it is removed\n"
        )
    report = {"ok": not refused, "new": new, "demo": marked, "objects": rows, "refused": refused}
    _say(arguments, report, [f"{new} new", *map(_line, rows)])
    return 1 if refused else 0


def _list(arguments: argparse.Namespace) -> int:
    from gate_agent.inspect import trust_store
    from gate_agent.live import utc_now

    stored = trust_store.installed(arguments.store)
    rows = _rows(stored.parsed(), arguments.store, utc_now().date())
    certificates = sum(row["certificates"] for row in rows)
    report = {"certificates": certificates, "objects": rows, "refused": _refused("list", stored)}
    _say(arguments, report, list(map(_line, rows)) or ["nothing is installed"])
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from drivers.passport.trust.audit import SignatureState, audit
    from gate_agent.inspect import trust_store
    from gate_agent.live import utc_now

    stored = trust_store.installed(arguments.store)
    judged = audit({c.der: c for source in stored.parsed() for c in source.certificates}.values())
    counts = dict.fromkeys(map(str, SignatureState), 0)
    for _, standing in judged:
        counts[str(standing)] += 1
    rows = _rows(stored.parsed(), arguments.store, utc_now().date())
    refused = _refused("verify", stored)
    bad = counts[SignatureState.BAD] or refused or any(not row["signature_good"] for row in rows)
    details = [
        {"sha256": c.sha256, "country": c.country, "serial": str(c.serial), "result": str(s)}
        for c, s in judged
    ]
    report = {
        "ok": not bad,
        "certificates": len(judged),
        "unreadable": sum(source.unreadable for source in stored.parsed()),
        **counts,
        "objects": rows,
        "refused": refused,
        "judged": details,
    }
    words = [f"{name:<12} {number}" for name, number in counts.items()]
    _say(arguments, report, [f"{len(judged)} certificates", *words, *map(_line, rows)])
    return 1 if bad else 0


def _refused(action: str, loaded: Any) -> list[dict[str, str]]:
    """Files of other kinds than a store holds; also named on stderr."""
    for file, why in loaded.refused:
        sys.stderr.write(f"egate trust {action}: {file}: refused: {why}\n")
    return [{"file": str(file), "error": why} for file, why in loaded.refused]


def _rows(sources: list[Any], store: Path, today: Any) -> list[dict[str, Any]]:
    """A row for each object of the store."""
    from drivers.passport.trust.files import given_store, signer_trust
    from gate_agent.inspect.trust_store import index

    known = index(store)
    given = given_store(sources, accept_demo=True)
    rows = []
    for source in sources:
        judged = signer_trust(source, given)
        when = known.get(source.sha256, {})
        signer = judged.signer
        rows.append(
            {
                "kind": source.kind.value,
                "sha256": source.sha256,
                "from": when.get("from", ""),
                "imported": when.get("imported", ""),
                "version": source.version,
                "issued": source.issued.isoformat() if source.issued else None,
                "age_days": (today - source.issued).days if source.issued else None,
                "signer": _name(signer.subject) if signer is not None else None,
                "signature_good": source.signed is None or signer is not None,
                "trusted": judged.trusted,
                "detail": judged.detail,
                "certificates": len(source.certificates),
                "demo": sum(certificate.demo for certificate in source.certificates),
                "unreadable": source.unreadable,
            }
        )
    return rows


def _name(subject: tuple[tuple[str, str], ...]) -> str:
    short = {"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU"}
    return ", ".join(f"{short.get(kind, kind)}={value}" for kind, value in subject)


def _line(row: dict[str, Any]) -> str:
    trusted = "trusted" if row["trusted"] else "not trusted"
    marked = f"; {row['demo']} marked as demo material" if row["demo"] else ""
    return (
        f"{row['kind']:<12} {row['sha256'][:12]} {row['issued'] or 'undated':<10} "
        f"{row['certificates']:>4} certificates, {trusted}: {row['detail']}{marked}"
    )


def _say(arguments: argparse.Namespace, report: dict[str, Any], lines: list[str]) -> None:
    print(json.dumps(report) if arguments.json else "\n".join(lines))
