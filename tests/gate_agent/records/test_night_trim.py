"""The agent trims its journal by itself: at the gate's night, in steps, and never in the way."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from example_facts import facts_of

from firmware_cfg.time_zone import local_time
from gate_agent.core.messages import Append
from gate_agent.records.journal_writer import JournalWriter
from gate_agent.records.night_trim import AGAIN_NS, LOOK_NS, NightTrim, cutoff, is_night
from sync.gate.journal import Journal
from sync.log.encoding import seal_receipt
from sync.log.keys import CentreKeys, SigningKey
from sync.log.merkle import root_of
from sync.log.notes import CENTRE_NAME, Checkpoint, countersign, origin_of, sign_checkpoint
from sync.log.types import Appended, Receipt, RecordKind

OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"
CENTRE = CentreKeys.generate(Random(2).randbytes)


def confirmed_journal(path, records=160):
    journal = Journal.open(path, gate="g", random=Random(1).randbytes)
    for n in range(records):
        journal.append(RecordKind.SYSTEM, 0, n, OLD, {"event": "mode", "mode": "x" * 300})
    size = journal.last_seq
    note = sign_checkpoint(
        Checkpoint(origin_of("g", journal.epoch), size, root_of(size, journal.nodes)),
        SigningKey.generate(Random(3).randbytes),
    )
    receipt = Receipt(
        gate="g",
        epoch=journal.epoch,
        seq=size,
        commitment=journal.newest,
        checkpoint=countersign(note, CENTRE_NAME, CENTRE.signing),
    )
    journal.acknowledge(seal_receipt(receipt, CENTRE.signing), CENTRE.signing.public)
    return journal


class Lane:
    def __init__(self, path, before=lambda **_: NEW):
        self.now_ns = 0
        self.asked = []
        self.events = []
        self.journal = confirmed_journal(path)

        def asked(*, at_once):
            self.asked.append(at_once)
            return before(at_once=at_once)

        self.trim = NightTrim(asked, lambda: self.now_ns, lambda: NEW, 90)
        self.writer = JournalWriter(
            self.journal,
            CENTRE.signing.public,
            self.put,
            lambda _holder, _day: {},
            lambda: self.now_ns,
            lambda: NEW,
            trim=self.trim,
        )

    def put(self, event):
        self.events.append(event)
        if self.stop_after is not None and len(self.events) >= self.stop_after:
            self.writer.stop()

    stop_after = None


def test_it_goes_in_steps_and_rests_then(tmp_path):
    lane = Lane(tmp_path / "j.db")
    with closing(lane.journal) as journal:
        steps = 0
        while not steps or lane.trim.under_way:
            lane.trim.step(journal)
            steps += 1
        assert steps > 4
        assert journal.trimmed.seq == 160
        assert [record.facts["event"] for record in journal.records()] == ["trim"]
        assert lane.asked == [True]
        lane.trim.step(journal)
        assert lane.asked == [True]
        lane.now_ns += LOOK_NS
        lane.trim.step(journal)
        assert lane.asked == [True, False]
        assert journal.last_seq == 161  # nothing more to state


def test_it_waits_for_the_night_and_for_a_clock_that_is_right(tmp_path):
    lane = Lane(tmp_path / "j.db", before=lambda **_: None)
    with closing(lane.journal) as journal:
        for _ in range(3):
            lane.trim.step(journal)
            lane.now_ns += LOOK_NS
        assert lane.asked == [True, True, True]  # the first time is not over
        assert journal.trimmed.seq == 0


def test_a_journal_that_is_not_in_order_is_an_alarm_and_is_left_alone(tmp_path):
    lane = Lane(tmp_path / "j.db")
    with closing(lane.journal) as journal:
        journal._db.run("UPDATE records SET encoded = zeroblob(9) WHERE seq = 3")
        lane.trim.step(journal)
        assert "record 3" in lane.trim.alarm
        lane.now_ns += AGAIN_NS - 1
        lane.trim.step(journal)
        assert lane.asked == [True]
        assert journal.trimmed.seq == 0


def test_the_writer_trims_while_nothing_is_to_be_written_and_records_come_first(tmp_path):
    lane = Lane(tmp_path / "j.db")
    done = []

    class Watched(NightTrim):
        def step(self, journal):
            super().step(journal)
            done.append(journal.trimmed.seq)
            if len(done) == 3:  # in the middle of it a record is asked for
                lane.writer.append(Append(ticket=0, facts=facts_of(RecordKind.SYSTEM)))
            if not self.under_way:
                lane.writer.stop()

    lane.writer._trim = Watched(lambda **_: NEW, lambda: 0, lambda: NEW, 90)
    lane.writer.run()
    assert done[2] < 160
    assert done[-1] == 160
    assert [type(event) for event in lane.events[1:]] == [Appended]


@pytest.mark.parametrize(
    ("zone", "utc", "night", "first"),
    [
        ("Asia/Jakarta", "2026-12-01T18:30", True, "2026-11-29T17:00:00.000Z"),
        ("Asia/Jakarta", "2026-12-01T02:30", False, "2026-11-28T17:00:00.000Z"),
        ("America/Lima", "2026-12-01T06:00", True, "2026-11-29T05:00:00.000Z"),
        ("Europe/Madrid", "2026-10-26T00:30", True, "2026-10-23T22:00:00.000Z"),
        ("UTC", "2028-03-01T04:59", True, "2028-02-28T00:00:00.000Z"),
    ],
)
def test_the_night_and_the_days_that_stay_are_the_gates(zone, utc, night, first):
    local = local_time(zone, datetime.fromisoformat(utc).replace(tzinfo=UTC))
    assert is_night(local) is night
    assert cutoff(local, 2) == first
    later = local_time(zone, local + timedelta(minutes=20))
    assert cutoff(later, 2) == first
