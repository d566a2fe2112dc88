"""`egate safety`: the proof of the lane, by search, and the document made from it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, get_args

from firmware_cfg.profile import TopologyName


def register(commands: Any) -> None:
    """Add `egate safety` to the command line."""
    group = commands.add_parser(
        "safety", help="search everything a lane can reach, and print the safety document"
    )
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    search = actions.add_parser(
        "search",
        help="exhaustive search of controller x environment; exits 1 unless all of it holds",
        description=(
            "Visits every state that the real core and guard can reach in each environment "
            "(people, doors, fire, mains, hardware ...), and watches the safety invariants at "
            "every step. Prints states, edges and depth; a broken invariant comes with the "
            "shortest way to break it. A search that was ended before everything was visited "
            "says so, and is no proof: exit code 1, like a broken invariant. The whole takes "
            "some minutes; name a topology or an environment for less."
        ),
    )
    search.add_argument("--topology", choices=get_args(TopologyName), help="only this one")
    search.add_argument("--only", metavar="ENVIRONMENT", help="only the environment of this name")
    search.add_argument(
        "--most", type=int, default=2_000_000, help="end a search after so many states"
    )
    search.add_argument("--json", action="store_true", help="print JSON")
    search.set_defaults(run=_search)
    document = actions.add_parser(
        "doc", help="print docs/safety.md, made from the tables, the guard and the invariants"
    )
    document.add_argument("--write", type=Path, metavar="FILE", help="write it there instead")
    document.set_defaults(run=_document)


def _search(arguments: argparse.Namespace) -> int:
    from gate_agent.safety.environment import ENVIRONMENTS
    from gate_agent.safety.search import search

    rows: list[dict[str, Any]] = []
    for topology, named in ENVIRONMENTS.items():
        for name, environment in named.items():
            if arguments.topology not in (None, topology) or arguments.only not in (None, name):
                continue
            if sys.stderr.isatty():
                sys.stderr.write(f"\rsearching {topology} {name} ...\x1b[K")
            found = search(environment, most=arguments.most)
            rows.append(
                {
                    "topology": topology,
                    "environment": name,
                    "states": found.states,
                    "edges": found.edges,
                    "depth": found.depth,
                    "closed": found.closed,
                    "broken": found.broken,
                }
            )
            if not arguments.json:
                _print(rows[-1])
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    if not rows:
        sys.stderr.write("egate: no environment of that name; see egate safety search --help\n")
        return 2
    totals = {
        topology: {
            "states": sum(row["states"] for row in rows if row["topology"] == topology),
            "edges": sum(row["edges"] for row in rows if row["topology"] == topology),
            "depth": max(row["depth"] for row in rows if row["topology"] == topology),
        }
        for topology in {row["topology"] for row in rows}
    }
    holds = not any(row["broken"] for row in rows)
    cut = [f"{row['topology']} {row['environment']}" for row in rows if not row["closed"]]
    ok = holds and not cut
    if arguments.json:
        print(json.dumps({"ok": ok, "searches": rows, "totals": totals}))
    else:
        for topology, total in sorted(totals.items()):
            print(
                f"{topology}: {total['states']} states, {total['edges']} edges, "
                f"depth {total['depth']}"
            )
        print("every invariant holds" if holds else "an invariant is broken")
        if cut:
            print(f"not everything was visited: {', '.join(cut)} ended early; give a larger --most")
    return 0 if ok else 1


def _print(row: dict[str, Any]) -> None:
    how = "" if row["closed"] else " (ended early)"
    print(
        f"{row['topology']:8} {row['environment']:9} {row['states']:7} states "
        f"{row['edges']:8} edges  depth {row['depth']}{how}"
    )
    for invariant, path in row["broken"].items():
        print(f"  BROKEN {invariant}:")
        for step in path:
            print(f"    {step}")


def _document(arguments: argparse.Namespace) -> int:
    from gate_agent.safety.document import document

    text = document()
    if arguments.write is None:
        print(text, end="")
    else:
        arguments.write.write_text(text)
    return 0
