"""The journal's writer: identities are taken in time, and a slow journal is a failed one."""

from random import Random

from example_facts import facts_of
from msgspec.structs import replace

from gate_agent.core.messages import Append
from gate_agent.records.journal_writer import MAX_WAITING, JournalWriter
from gate_agent.records.vault import Vault
from sync.gate.journal import Journal
from sync.gate.journal_reader import JournalReader
from sync.log.envelope import Sealer
from sync.log.hpke import OpeningKey
from sync.log.types import Appended, AppendFailed, RecordKind

OWN_KEY = bytes(range(32))


def writer(tmp_path, put, identity) -> JournalWriter:
    random = Random(1).randbytes
    sealer = Sealer(OpeningKey.generate(random).public, random, OWN_KEY)
    path = tmp_path / "journal.db"
    journal = Journal.open(path, gate="g", random=random, sealer=sealer, demo=True)
    return JournalWriter(
        journal, None, put, identity, lambda: 1, lambda: "2026-01-01T00:00:00.000Z"
    )


def test_a_record_keeps_its_identity_though_the_vault_is_wiped_before_it_is_written(tmp_path):
    vault, events = Vault(), []
    vault.put(7, {"h": b"ERIKSSON"})
    made = writer(
        tmp_path,
        events.append,
        lambda handle, day: {"name": (vault.get(handle) or b"").decode(), "day": day},
    )
    facts = replace(facts_of(RecordKind.DECISION), inspection_day="2027-12-31")
    made.append(Append(ticket=7, facts=facts, holder="h"))
    vault.wipe(7)
    made.stop()
    made.run()
    assert [type(event) for event in events[1:]] == [Appended]
    reader = JournalReader(tmp_path / "journal.db")
    identity = reader.identity(1, OWN_KEY)
    reader.close()
    assert identity == {"name": "ERIKSSON", "day": "2027-12-31"}


def test_a_record_that_finds_no_place_is_reported(tmp_path):
    events = []
    made = writer(tmp_path, events.append, lambda _handle, _day: {})
    for ticket in range(1, MAX_WAITING + 2):
        made.append(Append(ticket=ticket, facts=facts_of(RecordKind.SYSTEM)))
    assert events == [
        AppendFailed(
            ticket=MAX_WAITING + 1, kind=RecordKind.SYSTEM, detail="the journal is too slow"
        )
    ]
    made.receipt(b"one that finds no place comes again")
    made._journal.close()
