"""A gate that does nothing but write records: the agent's share of a campaign, as a process.

Not a whole lane, so that thousands of records a minute flow; but the journal, its writer,
the sealing of identities, the lane API that takes receipts, and the key files are the
agent's own. What became durable is noted in a ledger beside the journal: number and hash of
every body that was acknowledged. The ledger is what the campaign holds both sides against.

Run as a module this file is the process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gate_agent import live
from gate_agent.core.facts import (
    ActuationFacts,
    Facts,
    FinishFacts,
    OfficerFacts,
    plain_facts,
)
from gate_agent.core.messages import Append
from gate_agent.host.secrets_on_disk import read_key
from gate_agent.lane_api.api import Role
from gate_agent.lane_api.requests import Callbacks
from gate_agent.lane_api.server import Clock, LaneServer
from gate_agent.records.journal_writer import JournalWriter
from sync.gate.journal import Journal
from sync.log.envelope import KEY_BYTES, Sealer
from sync.log.keys import read_centre_public
from sync.log.types import Appended, AppendFailed

TURN_S = 0.02
MAX_UNACKNOWLEDGED = 256


def body(number: int) -> tuple[Facts, dict[str, str]]:
    """Facts and identity of the record with this number: the same whenever it is asked for.

    The facts' officer is the number; of three records one is the last of its crossing.
    """
    digest = hashlib.sha256(b"body %d" % number).hexdigest()
    who, filler = str(number), digest * (1 + number % 7)
    facts: Facts
    match (number - 1) % 3:
        case 0:
            facts = OfficerFacts(
                action="accept",
                officer=who,
                reason=filler,
                evidence_sha256=digest,
                profile_sha256=digest,
            )
        case 1:
            facts = ActuationFacts(action="open_exit", by=who, why=filler, profile_sha256=digest)
        case _:
            facts = FinishFacts(
                outcome=filler,
                reasons=(),
                passages=1,
                officer=who,
                spans_ms={},
                profile_sha256=digest,
            )
    identity = {"surname": f"S{digest[:12].upper()}", "document_number": digest[12:21].upper()}
    return facts, identity


def number_of(facts: Mapping[str, Any]) -> int:
    """The number of the body with these facts; 0 for facts of another origin."""
    who = str(facts.get("officer", facts.get("by", "")))
    return int(who) if who.isdecimal() else 0


def body_sha256(facts: Mapping[str, Any], identity: Mapping[str, str]) -> str:
    """Hash of a body, by another encoding than the journal's."""
    return hashlib.sha256(json.dumps([facts, identity], sort_keys=True).encode()).hexdigest()


def read_ledger(path: Path) -> dict[int, str]:
    """Hash of the body by the place that was acknowledged. Lines cut off by a kill do not count."""
    if not path.exists():
        return {}
    lines = path.read_text().split("\n")[:-1]
    rows = [line.split(" ") for line in lines if line.endswith(" .")]
    return {int(seq): digest for seq, digest, _ in rows}


class DurableLedger:
    """Notes what was acknowledged. What `write` took survives the process, not the machine."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(self._file, b"\n")  # ends a line that a kill cut off

    def write(self, rows: list[tuple[int, str]]) -> None:
        """Note places and hashes."""
        if rows:
            os.write(self._file, b"".join(b"%d %s .\n" % (n, h.encode()) for n, h in rows))


class Producer:
    """Asks for records at a steady rate, and notes which ones became durable."""

    def __init__(self, next_number: int, ledger: DurableLedger, per_turn: int) -> None:
        self._next = next_number
        self._ledger = ledger
        self._per_turn = per_turn
        self._asked: dict[int, str] = {}
        self._identities: dict[str, dict[str, str]] = {}
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def identity(self, holder: str, _inspection_day: str) -> Mapping[str, str]:
        """The vault's share: who a handle stands for."""
        return self._identities.pop(holder)

    def turn(self, writer: JournalWriter, *, more: bool) -> None:
        """Note what became durable; ask for more.

        Raises:
            RuntimeError: a record was not made durable, or at another place than its number.
        """
        durable: list[tuple[int, str]] = []
        while not self.events.empty():
            event = self.events.get_nowait()
            if isinstance(event, AppendFailed):
                raise RuntimeError(f"the journal failed: {event.detail}")
            if isinstance(event, Appended):
                durable.append((event.seq, self._asked.pop(event.seq)))
        self._ledger.write(durable)
        for _ in range(self._per_turn if more else 0):
            if len(self._asked) >= MAX_UNACKNOWLEDGED:
                break
            self._ask(writer)

    def _ask(self, writer: JournalWriter) -> None:
        number, self._next = self._next, self._next + 1
        facts, identity = body(number)
        self._asked[number] = body_sha256(plain_facts(facts), identity)
        self._identities[str(number)] = identity
        ticket = 1 + (number - 1) // 3
        writer.append(Append(ticket=ticket, facts=facts, holder=str(number)))


def run(home: Path, gate: str, per_turn: int) -> int:
    """Write records until asked to stop, or no more once the file `enough` is there."""
    stop = live.stop_on_sigterm()
    keys, state = home / "keys", home / "state"
    centre = read_centre_public(keys)
    sealer = Sealer(centre.sealing, live.system_random, read_key(keys / "journal.key")[:KEY_BYTES])
    journal = Journal.open(
        state / "journal.db", gate=gate, random=live.system_random, sealer=sealer, demo=True
    )
    producer = Producer(journal.last_seq + 1, DurableLedger(home / "ledger"), per_turn)
    writer = JournalWriter(
        journal,
        centre.verifying,
        producer.events.put,
        producer.identity,
        live.monotonic_ns,
        live.utc_text,
    )
    lane = LaneServer(
        home / "lane.sock",
        {Role.SYNC: read_key(keys / "sync.key")},
        Callbacks(
            on_action=lambda _action: "no one acts here",
            on_lease=lambda _officer: None,
            on_picture=lambda _ticket, _kind, reply: reply(b""),
            on_receipt=writer.receipt,
            on_link=lambda _up, _alarm: None,
        ),
        live.system_random,
        Clock(monotonic_ns=live.monotonic_ns, utc_ms=live.utc_ms),
    )
    threads = [
        live.spawn("journal", writer.run),
        live.spawn("lane-api", lambda: lane.run(stop.event)),
    ]
    enough = home / "enough"
    while not stop.wait(TURN_S):
        producer.turn(writer, more=not enough.exists())
    writer.stop()
    lane.wake()
    for thread in threads:
        thread.join(timeout=5.0)
    producer.turn(writer, more=False)
    return 0


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--per-turn", type=int, required=True)
    arguments = parser.parse_args()
    return run(arguments.home, arguments.gate, arguments.per_turn)


if __name__ == "__main__":
    sys.exit(_main())
