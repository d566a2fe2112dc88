"""`egate bench document`: what reading and judging a document costs.

Target and reached stand beside each other. The figures that need a chip come from
`sim.bench.chip`; those of trust are made here.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.bench.figures import Figure, LinkFigure

MASTER_LIST = Path("../shared/data/chip/masterlist")
LOOK_UPS = 200
RATIO = 1.1
"""Longest a read may take, against its modelled link."""


def register(actions: Any) -> None:
    """Add `egate bench document`."""
    command = actions.add_parser(
        "document",
        help="APDUs, link, own CPU of reading and judging a document; trust store",
        description="Own CPU is this process's, the emulated chip's left out; the link is "
        "paced on a virtual clock that our own CPU advances too. Ratios are what counts.",
    )
    command.add_argument("--rounds", type=int, default=7, help="rounds (default: %(default)s)")
    command.add_argument(
        "--masterlist",
        type=Path,
        default=MASTER_LIST,
        metavar="PATH",
        help="master list and its signer's certificate, or a folder (default: %(default)s)",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_document)


def _document(arguments: argparse.Namespace) -> int:
    from gate_agent.live import cpu_ns
    from sim.bench.chip import measure

    rounds = max(1, arguments.rounds)
    chip = measure(rounds, cpu_ns)
    figures = [*chip.figures, *_trust_figures(arguments.masterlist, cpu_ns)]
    if chip.links:
        worst = max(link.ratio for link in chip.links)
        figures.append(Figure("worst_link_ratio", "x", RATIO, round(worst, 3)))
    if arguments.json:
        print(json.dumps(_report(figures, chip.links)))
        return 0
    print(f"{'figure':<40} {'target':>9} {'reached':>9}")
    for item in figures:
        reached = "absent" if item.reached is None else f"{item.reached:9.2f}"
        print(f"{item.name:<40} {item.target:>9g} {reached:>9} {item.unit}{_mark(item)}")
    print(f"\n{'baud':>9} {'kbit/s':>7} {'link ms':>9} {'read ms':>9} {'ratio':>7}")
    for link in chip.links:
        print(
            f"{link.baud:>9} {link.kbit_s:>7} {link.modelled_ms:>9.1f} "
            f"{link.measured_ms:>9.1f} {link.ratio:>7.3f}"
        )
    return 0


def _mark(item: Figure) -> str:
    return "  OUT OF REACH" if item.reached is not None and item.reached > item.target else ""


def _report(figures: list[Figure], links: list[LinkFigure]) -> dict[str, Any]:
    measured = [item for item in figures if item.reached is not None]
    return {
        "ok": all(item.reached <= item.target for item in measured if item.reached is not None),
        "figures": [
            item._asdict() | {"ok": None if item.reached is None else item.reached <= item.target}
            for item in figures
        ],
        "links": [link._asdict() | {"ratio": round(link.ratio, 3)} for link in links],
    }


def _trust_figures(path: Path, cpu_ns: Callable[[], int]) -> list[Figure]:
    """Importing a master list as `egate trust import` does, and finding an issuer in it."""
    import datetime
    import tempfile

    from drivers.passport.trust.files import assemble, given_store, signer_trust
    from gate_agent.inspect import trust_store

    if not path.exists():
        return [
            Figure("import_s", "s", 3.0, None),
            Figure("look_up_ms", "ms", 1.0, None),
        ]
    started = cpu_ns()
    with tempfile.TemporaryDirectory() as store:
        found = trust_store.read([path])
        sources = found.parsed()
        given = given_store(sources, accept_demo=True)
        for source in sources:
            signer_trust(source, given)
        trust_store.install(Path(store), found.sources, datetime.date(2026, 1, 1))
    imported_s = (cpu_ns() - started) / 1e9
    trust = assemble(sources, accept_demo=True)
    took = []
    for certificate in list(trust)[:LOOK_UPS]:
        started = cpu_ns()
        trust.issuers(certificate)
        took.append((cpu_ns() - started) / 1e6)
    return [
        Figure("import_s", "s", 3.0, round(imported_s, 3)),
        Figure("imported_certificates", "certificates", 20_000, len(trust)),
        Figure("look_up_ms", "ms", 1.0, round(statistics.median(took), 4)),
    ]
