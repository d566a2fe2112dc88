"""No one takes what a gate sends: its memory has an end, its backlog stays on its disk.

`pytest -rP` shows the figures.
"""

from __future__ import annotations

import json
import tracemalloc

import msgspec
import pytest
from record_support import CENTRE_KEY, UTC, Bench, now_ns
from test_links import Proxy, behind

from firmware_cfg.profile import Sync
from sync.gate.draft import JournalEntry
from sync.log.types import RecordKind

__all__ = ["behind"]  # a fixture

RECORDS = 3_000
AT_ONCE = 250
TEXT = "x" * 4_000
LIMITS = Sync(batch_max_bytes=32_768, window_batches=50, retry_min_ms=50, retry_max_ms=200)
SPARE_BYTES = 2 * 1024 * 1024


@pytest.mark.live
@pytest.mark.parametrize("stalled", ["collector", "broker"])
def test_a_stalled_collector_costs_the_gate_no_memory(
    behind: tuple[Bench, Proxy], stalled: str
) -> None:
    """The collector stops but stays connected, or the broker stops reading, in full flow."""
    bench, proxy = behind
    entry = JournalEntry(RecordKind.DECISION, 1, 0, UTC, {"outcome": "admit", "text": TEXT})
    for _ in range(RECORDS // AT_ONCE):
        bench.journal.append_many([entry] * AT_ONCE)
    assert bench.sync is not None
    bench.sync.close()
    bench.limits = msgspec.structs.replace(LIMITS, port=proxy.port)
    bench.sync = bench.new_sync()
    bench.until(lambda: bench.journal.receipt_seq > RECORDS // 10)
    centre = bench.centre
    most = 0

    def silent_for_long() -> bool:
        nonlocal most
        assert bench.sync is not None
        progress = bench.sync.status(now_ns()).progress
        most = max(most, progress.in_flight)
        return progress.unanswered >= 5

    tracemalloc.start()
    try:
        if stalled == "collector":
            bench.centre = None
        else:
            proxy.silent = True
        bench.until(silent_for_long)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    waiting = bench.journal.last_seq - bench.journal.receipt_seq
    limit = LIMITS.window_batches * LIMITS.batch_max_bytes + SPARE_BYTES
    figures = {
        "stalled": stalled,
        "backlog_mb": round(waiting * len(TEXT) / 1e6, 1),
        "gate_memory_growth_mb": round(peak / 1e6, 1),
        "limit_mb": round(limit / 1e6, 1),
        "most_batches_under_way": most,
        "alarm": bench.sync.status(now_ns()).alarm,
    }
    print(json.dumps(figures))
    assert waiting * len(TEXT) > limit
    assert peak < limit
    assert most <= LIMITS.window_batches
    assert "no receipt" in figures["alarm"]
    bench.centre, proxy.silent = centre, False
    bench.until(bench.settled)
    assert bench.store.count() == RECORDS
    assert bench.store.audit(CENTRE_KEY.public) == []
