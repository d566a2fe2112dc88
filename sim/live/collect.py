"""What the databases of a demo hold in the end, checked."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gate_agent import live
from sim.live.setup import LanePlace
from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.log.types import Record


class Collected(NamedTuple):
    """What a run left: records by lane, those of the centre, and what is wrong with them."""

    journals: dict[int, list[Record]]
    centre: list[Record]
    problems: list[str]


def collect(places: list[LanePlace], centre_database: Path) -> Collected:
    """Every record of the lanes and of the centre, checked."""
    journals: dict[int, list[Record]] = {}
    problems: list[str] = []
    for place in places:
        journal = Journal.open(place.journal, gate=place.gate, random=live.system_random, demo=True)
        journals[place.number] = list(journal.records())
        problems += [f"{place.gate} {p.seq}: {p.what}" for p in journal.verify()]
        journal.close()
    store = CentreStore(centre_database)
    centre = [record for gate in store.gates() for record in store.records(gate)]
    problems += [f"centre {f.gate} {f.seq}: {f.what}" for f in store.audit()]
    problems += [f"centre quarantined {q.gate}: {q.reason}" for q in store.quarantine.messages()]
    store.close()
    return Collected(journals, centre, problems)
