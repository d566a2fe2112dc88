"""The report of a run: one self-contained HTML file, with JSON and JUnit next to it."""

from __future__ import annotations

import json
from collections import Counter
from html import escape
from pathlib import Path

from gate_agent.core.barrier import BARRIER_ROWS
from sim.day.report_timeline import swim_lanes
from sim.day.result import Result

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d5dbe3;--paper:#fff;
--band:#f4f6f9;--idle:#dfe5ec;--good:#1a7f4b;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e7ecf3;--soft:#9aa7b8;--line:#36404e;
--paper:#12171e;--band:#1b222c;--idle:#2b3542;--good:#55c58a;--bad:#ff8a80}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}main{max-width:72rem;margin:auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.7rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
p{max-width:44rem}.soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}
.badge{display:inline-block;padding:.15rem .7rem;border-radius:1rem;border:2px solid;
font-weight:600}.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;
font-size:.93rem}th,td{text-align:left;padding:.35rem .7rem .35rem 0;
border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.tiles{display:grid;gap:.7rem;
grid-template-columns:repeat(3,1fr);margin:1.2rem 0}.tile{
background:var(--band);border-radius:.5rem;padding:.7rem .9rem}.tile b{display:block;
font-size:1.35rem;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);
font-size:.85rem}svg{display:block;max-width:none}svg text{fill:var(--ink);font:11px
system-ui,sans-serif}svg text.on{fill:#14181f}.time{display:flex}.time svg{flex:none}
.names{position:sticky;left:0;background:var(--paper)}.legend{display:flex;flex-wrap:wrap;
gap:.2rem 1rem;max-width:none;font-size:.85rem}.legend i{display:inline-block;width:1.4em;
height:.8em;border-radius:.15em;margin-right:.4em}.legend i.dot{width:.7em;height:.7em;
border-radius:50%}summary{cursor:pointer;padding:.4rem 0}td{overflow-wrap:break-word}
td.n,.mark{white-space:nowrap}
.why{display:block;color:var(--soft);font-size:.85rem}
@media (max-width:30rem){th,td{padding-right:.35rem}.tile{padding:.5rem}}
code{font-size:.85em;word-break:break-all}
"""


MEANING = {
    "enter": "from the release of the entry door to the traveller inside, doors shut",
    "present": "inside, until the document is on the reader",
    "mrz": "from the document in place to its printed zone read",
    "document": "from the document in place to the chip read and judged",
    "prepare": "making the chip's portrait ready to compare",
    "verify": "from the first picture to the decision",
    "append": "an opening made durable before it happens",
    "open": "from the command to an open exit",
    "passage": "from an open exit to an empty lane",
    "total": "the whole crossing",
    "wait": "in the queue, before a lane was free",
    "lane": "from the turn of a traveller to the lane free again",
}


def write_report(result: Result, folder: Path) -> Path:
    """Write `NAME.html`, `NAME.json` and `NAME.xml` (JUnit); give the first.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = Path(result.scenario).stem
    (folder / f"{stem}.json").write_text(json.dumps(result.json(), indent=2) + "\n")
    (folder / f"{stem}.xml").write_text(result.junit())
    page = folder / f"{stem}.html"
    page.write_text(html(result))
    return page


def html(result: Result) -> str:
    """The report as one page that needs nothing else."""
    verdict = "passed" if result.passed else "not as expected"
    tone = "good" if result.passed else "bad"
    facts = (f"seed {result.plan.seed}", f"{result.clock} clock", f"chips {result.chips['mode']}")
    starts = (f"starts {at}" for at in sorted(set(result.places.values())))
    parts = [
        f"<p class=soft>{' &middot; '.join(map(escape, (result.scenario, *facts, *starts)))}</p>",
        f"<h1>{escape(result.plan.title)}</h1><p>{escape(result.plan.learn)}</p>",
        f"<p class='badge {tone}'>{verdict}</p>",
        _problems(result),
        _tiles(result),
        _claims(result),
        _cast(result),
        "<h2>What happened when</h2>",
        swim_lanes(result),
        _steps(result),
        _queue(result),
        _coverage(result),
        _trace(result),
    ]
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{escape(result.plan.title)}: {verdict}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _table(heads: list[str], rows: list[list[str]], numbers: int = 0) -> str:
    """A table whose last `numbers` columns are numbers; cells are HTML."""
    first = len(heads) - numbers

    def cells(tag: str, values: list[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if place >= first else ''}>{value}</{tag}>"
            for place, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells('th', heads)}</tr></thead>"
    return f"<div class=scroll><table>{head}<tbody>{body}</tbody></table></div>"


def _mark(ok: bool) -> str:  # noqa: FBT001 - a private helper
    return (
        "<span class='mark good'>&#10003; yes</span>"
        if ok
        else "<b class='mark bad'>&#10007; no</b>"
    )


def _problems(result: Result) -> str:
    items = "".join(f"<li class=bad>{escape(problem)}</li>" for problem in result.problems)
    return f"<ul>{items}</ul>" if items else ""


def _undecided(result: Result) -> int:
    counts = result.counts
    ended = (counts[name] for name in ("admitted", "accepted", "refused", "abandoned"))
    return int(counts["crossings"] - sum(ended))


def _tiles(result: Result) -> str:
    counts = result.counts
    tiles = [
        (counts["crossings"], "crossings"),
        (counts["admitted"], "admitted by the machine"),
        (counts["accepted"], "accepted by an officer"),
        (counts["refused"], "refused by an officer"),
        (_undecided(result), "referred, decided by no one"),
        (counts["abandoned"], "abandoned"),
        (result.records_journal, "records in the lanes' journals"),
        (result.lost, "records lost"),
        (len(result.violations), "broken invariants"),
    ]
    wrong = {"records lost", "broken invariants"}
    shown = "".join(
        f"<div class=tile><b{' class=bad' if value and name in wrong else ''}>{value:,}</b>"
        f"<span>{name}</span></div>"
        for value, name in tiles
    )
    return f"<div class=tiles>{shown}</div>"


def _claims(result: Result) -> str:
    if not result.verdicts:
        return ""
    rows = [[_mark(v.ok), escape(v.claim), escape(v.evidence)] for v in result.verdicts]
    return "<h2>What had to hold</h2>" + _table(["Held", "Expectation", "Evidence"], rows)


def _cast(result: Result) -> str:
    rows = [
        [
            _mark(row.ok),
            escape(row.name),
            str(row.lane),
            _ended(row.outcome, row.reasons),
            _ended(row.expected, row.expected_reasons) if row.expected else "anything",
        ]
        for row in result.cast
    ]
    heads = ["Held", "Traveller", "Lane", "Came", "Expected"]
    note = (
        "<p class=soft>A reason names the first cause: the check that failed or that could not be "
        "judged. What followed from it is in the record (<code>findings</code>).</p>"
    )
    return f"<h2>Travellers</h2>{note}{_table(heads, rows)}" if rows else ""


def _ended(outcome: str, reasons: tuple[str, ...]) -> str:
    why = escape(", ".join(reasons)).replace("_", "_<wbr>")
    return escape(outcome) + (f"<span class=why>{why}</span>" if reasons else "")


def _step(name: str) -> str:
    meaning = MEANING.get(name)
    return escape(name) + (f"<span class=why>{escape(meaning)}</span>" if meaning else "")


def _trace(result: Result) -> str:
    """The digest that two equal runs share; a run in real time has none."""
    if not result.trace_sha256:
        return ""
    return f"<p class=soft>Trace <code>{escape(result.trace_sha256)}</code></p>"


def _steps(result: Result) -> str:
    rows = [
        [_step(step), *(f"{spans[f'p{percent}_ms']:,.0f}" for percent in (50, 95, 99))]
        for step, spans in result.steps.items()
    ]
    heads = ["Step", "p50 ms", "p95 ms", "p99 ms"]
    return "<h2>How long each step took</h2>" + _table(heads, rows, numbers=3)


def _queue(result: Result) -> str:
    if not result.queue:
        return ""
    names = {
        "served": "travellers from the queue",
        "per_hour": "arrivals an hour",
        "lane_held_s": "seconds a traveller holds a lane, mean",
        "utilisation": "share of the time that lanes are held",
        "wait_mean_s": "mean wait in seconds",
        "wait_max_s": "longest wait in seconds",
        "erlang_wait_mean_s": "mean wait by the Erlang estimate, for steady arrivals",
    }
    rows = []
    for key, name in names.items():
        value = result.queue[key]
        rows.append([name, "grows without end" if value is None else f"{value:,}"])
    return "<h2>The queue</h2>" + _table(["Figure", "Value"], rows, numbers=1)


def _coverage(result: Result) -> str:
    reached = {(state, event) for state, event, _ in result.moves}
    known = {(state.__name__, event.__name__) for state, event in BARRIER_ROWS}
    begun = Counter(
        row.value.removesuffix(" begins")
        for row in result.rows
        if row.what == "fault" and row.value.endswith(" begins")
    )
    faults = ", ".join(f"{name} ({count})" for name, count in sorted(begun.items())) or "none"
    rows = [
        [f"{state} &rarr; {after}", event, str(count)]
        for (state, event, after), count in sorted(result.moves.items(), key=lambda m: -m[1])
        if state != after
    ]
    share = f"{len(reached & known)} of {len(known)} rows of the transition table moved a crossing"
    table = _table(["Transition", "By", "Times"], rows, numbers=1) if rows else ""
    return (
        f"<h2>What was reached</h2><p>Faults that began: {escape(faults)}.</p>"
        f"<details><summary>{share}</summary>{table}</details>"
    )
