"""`make fuzz`: every parser until its coverage stops growing, or for a given time.

    python tests/fuzz/run.py [--seconds N] [--seed N] [--only NAME ...] [--afresh] [--json]

Prints, for each target, inputs tried, arcs reached, at which input the last new arc came, and
how many inputs were kept; after Ctrl-C too. Ends with 1 when anything was found; the inputs
are written to `.fuzz/` by their digest. What was kept lies in `.fuzz/kept/TARGET/`, so that the
next run goes on where this one ended. Inputs are counted over all runs with the same code of
`drivers/passport`; once that changed, they start from zero.
"""

import argparse
import contextlib
import hashlib
import json
import shutil
import sys
import time
from functools import cache
from pathlib import Path

from engine import PACKAGE, Campaign
from targets import targets

FOUND = Path(".fuzz")
KEPT = FOUND / "kept"
COUNTS = "counts.json"
ROUND = 200


def main():
    parser = argparse.ArgumentParser(description="fuzz every parser of documents and readers")
    parser.add_argument("--seconds", type=float, help="end after so long (default: when still)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these targets")
    parser.add_argument("--afresh", action="store_true", help="forget what earlier runs kept")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    chosen = [t for t in targets() if not arguments.only or t.name in arguments.only]
    if not chosen:
        parser.error("no such target; there are: " + ", ".join(t.name for t in targets()))
    if arguments.afresh:
        for target in chosen:
            shutil.rmtree(KEPT / target.name, ignore_errors=True)
    end_s = time.monotonic() + (arguments.seconds or float("inf"))
    campaigns = [taken_up(target, arguments.seed) for target in chosen]
    with contextlib.suppress(KeyboardInterrupt):
        explore(campaigns, end_s)
    for campaign in campaigns:
        keep(campaign)
    report(campaigns, as_json=arguments.json)
    return 1 if any(campaign.findings for campaign in campaigns) else 0


def taken_up(target, seed):
    """A campaign where an earlier run of the same target and seed left it, or a new one."""
    folder = KEPT / target.name
    try:
        counts = json.loads((folder / COUNTS).read_bytes())
    except FileNotFoundError:
        counts = {}
    same = counts.pop("code", None) == code_sha256()
    campaign = Campaign(target, seed, **(counts if same else {}))
    campaign.begin([path.read_bytes() for path in sorted(folder.glob("[0-9]*"))])
    return campaign


@cache
def code_sha256():
    """Which code coverage is of."""
    sources = sorted(Path(PACKAGE).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def keep(campaign):
    """What was kept, in its order, and the counts; those last, so that they are never too high."""
    folder = KEPT / campaign.target.name
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(campaign.corpus):
        path = folder / f"{number:06d}"
        if not path.exists():
            path.write_bytes(data)
    counts = {"inputs": campaign.inputs, "last_new": campaign.last_new, "code": code_sha256()}
    (folder / COUNTS).write_text(json.dumps(counts))


def explore(campaigns, end_s):
    """In turn, until each is still or the time is over; dear ones take fewer inputs a turn."""
    while open_ := [campaign for campaign in campaigns if not campaign.still]:
        for campaign in open_:
            for _ in range(max(1, ROUND // campaign.target.cost)):
                campaign.step()
            keep(campaign)
            if time.monotonic() >= end_s:
                return
        show_progress(campaigns)


def show_progress(campaigns):
    if sys.stderr.isatty():
        inputs, arcs = sum(c.inputs for c in campaigns), sum(len(c.arcs) for c in campaigns)
        still = sum(c.still for c in campaigns)
        line = f"{inputs} inputs, {arcs} arcs, {still} of {len(campaigns)} still"
        sys.stderr.write(f"\r{line}   ")


def report(campaigns, *, as_json):
    rows = [
        {
            "target": c.target.name,
            "inputs": c.inputs,
            "arcs": len(c.arcs),
            "last_new": c.last_new,
            "kept": len(c.corpus),
            "still": c.still,
            "findings": sorted(c.findings),
        }
        for c in campaigns
    ]
    for campaign in campaigns:
        for what, data in campaign.findings.items():
            FOUND.mkdir(exist_ok=True)
            path = FOUND / f"{campaign.target.name}-{hashlib.sha256(data).hexdigest()[:16]}"
            path.write_bytes(data)
            sys.stderr.write(f"\n{campaign.target.name}: {what}: {path}\n")
    every = set().union(*(c.arcs for c in campaigns))
    if as_json:
        print(json.dumps({"targets": rows, "arcs": len(every)}))
        return
    print(f"\n{'target':<18}{'inputs':>9}{'arcs':>7}{'last new':>10}{'kept':>6}  findings")
    for row in rows:
        numbers = f"{row['inputs']:>9}{row['arcs']:>7}{row['last_new']:>10}{row['kept']:>6}"
        growing = "" if row["still"] else "  (still growing)"
        print(f"{row['target']:<18}{numbers}  {len(row['findings'])}{growing}")
    print(f"{sum(row['inputs'] for row in rows)} inputs, {len(every)} different arcs")


if __name__ == "__main__":
    sys.exit(main())
