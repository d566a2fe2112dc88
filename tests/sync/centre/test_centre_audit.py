"""Whatever is changed in the central system's database is found, and named with its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from record_support import CENTRE_KEYS, GATE_KEY, UTC, fill, open_journal, seeded
from tampering import campaign, findings, payloads, populate

from sync.centre.collector import collect
from sync.centre.heads import check_heads, write_heads
from sync.centre.run import BrokerAccess, CentreService, Shard
from sync.centre.store import CentreStore
from sync.gate.journal import Journal
from sync.log.keys import SigningKey

KEY = CENTRE_KEYS.signing.public


@pytest.fixture
def store(place: Path | str) -> Iterator[CentreStore]:
    with closing(CentreStore(place)) as opened:
        yield opened


@pytest.fixture
def heads(store: CentreStore, tmp_path: Path) -> Path:
    return populate(store, tmp_path)


ZEROS = b"\x00" * 32


@pytest.mark.parametrize(
    ("statement", "parameters", "seq", "what"),
    [
        ("UPDATE records SET encoded = ? WHERE seq = 6", (b"x",), 6, "match"),
        ("UPDATE records SET encoded = ? WHERE seq = 6", (b"",), 6, "without an erasure"),
        ("UPDATE records SET nodes = ? WHERE seq = 6", (ZEROS,), 6, "nodes"),
        ("UPDATE records SET nodes = NULL WHERE seq = 6", (), 6, "nodes"),
        ("UPDATE records SET commitment = ? WHERE seq = 25", (ZEROS,), 25, "match"),
        ("UPDATE records SET seq = 99 WHERE seq = 6", (), 7, "missing"),
        ("DELETE FROM records WHERE seq = 6", (), 7, "missing"),
        ("DELETE FROM records WHERE seq = 1", (), 2, "missing"),
        ("DELETE FROM records WHERE seq > 22", (), 25, "end"),
        ("UPDATE secrets SET salt = ? WHERE seq = 6", (ZEROS,), 6, "match"),
        ("UPDATE secrets SET wrapped = ? WHERE seq = 13", (b"\x00" * 40,), 13, "not open"),
        ("UPDATE secrets SET key_id = 9 WHERE seq = 13", (), 13, "hour is missing"),
        ("UPDATE secrets SET key_id = 1 WHERE seq = 6", (), 6, "without an identity"),
        ("DELETE FROM secrets WHERE seq = 6", (), 6, "match"),
        ("DELETE FROM erasures WHERE seq = 5", (), 5, "without an erasure"),
        ("UPDATE erasures SET note = ? WHERE seq = 5", ("x",), 5, "note of an erasure"),
        ("UPDATE erasures SET seq = 6 WHERE seq = 5", (), 6, "note of an erasure"),
        ("UPDATE hour_keys SET for_centre = ?", (b"\x00" * 80,), 0, "hour 1 does not open"),
        ("DELETE FROM hour_keys", (), 13, "hour is missing"),
        ("UPDATE logs SET checkpoint = ''", (), 25, "missing"),
        ("UPDATE logs SET checkpoint = replace(checkpoint, 'egate/', 'egata/')", (), 25, "signed"),
        ("UPDATE logs SET head = '', head_size = 0", (), 25, "no size that the gate signed"),
        ("UPDATE logs SET head = ''", (), 25, "missing"),
        ("UPDATE logs SET seq = 26", (), 26, "another size"),
        ("UPDATE logs SET peaks = ?", (b"\x00" * 96,), 25, "peaks"),
        ("UPDATE gates SET public_key = ?", (CENTRE_KEYS.signing.public.raw,), 25, "signed"),
        ("UPDATE gates SET enrolled_utc = '2025'", (), 0, "another key or time"),
    ],
)
def test_the_audit_names_gate_and_place(
    store: CentreStore,
    heads: Path,
    statement: str,
    parameters: tuple[object, ...],
    seq: int,
    what: str,
) -> None:
    assert findings(store, heads) == []
    assert store._db.run(statement, parameters) > 0
    found = [each for each in findings(store, heads) if each.gate == "gate-1"]
    assert (seq, True) in [(each.seq, what in each.what) for each in found], found


def test_what_only_the_heads_know(store: CentreStore, heads: Path) -> None:
    """A whole log, a gate or a revocation that is gone leaves nothing else to compare with."""
    store._db.run("UPDATE gates SET revoked_utc = NULL WHERE gate = 'gate-2'")
    assert [each.what for each in findings(store, heads)] == ["the gate was revoked, and is not"]
    for table in ("erasures", "hour_keys", "secrets", "records", "logs"):
        store._db.run(f"DELETE FROM {table}")  # noqa: S608 (ours)
    store._db.run("DELETE FROM gates WHERE gate = 'gate-2'")
    whats = [(each.gate, each.seq, each.what) for each in findings(store, heads)]
    assert whats == [
        ("gate-2", 0, "a gate that was enrolled is not there"),
        ("gate-1", 25, "the store is older than its receipts: it ends at 0"),
        ("gate-2", 25, "the store is older than its receipts: it ends at 0"),
    ]
    heads.write_text(heads.read_text().replace(" 25 ", " 24 ", 1))
    assert "signature" in findings(store, heads)[0].what
    heads.write_bytes(b"\xff")
    assert "unreadable" in findings(store, heads)[0].what
    heads.unlink()
    assert findings(store, heads) == []


@pytest.mark.parametrize("seed", [1])
def test_random_changes_are_found(place: Path | str, tmp_path: Path, seed: int) -> None:
    """`make tampering` does ten thousand in each kind of database."""
    done, missed = campaign(place, tmp_path, 80, seed)
    assert missed == []
    assert {name.split()[0] for name in done} == {"flip", "delete", "swap", "truncate"}


def service(store: CentreStore, heads: Path, shard: Shard = Shard(1, 1)) -> CentreService:  # noqa: B008
    return CentreService(
        store=store,
        keys=CENTRE_KEYS,
        broker=BrokerAccess(port=1),
        random=seeded(),
        shard=shard,
        heads=heads,
    )


def test_a_restored_store_says_that_it_is_older_than_its_receipts(tmp_path: Path) -> None:
    def collected(path: Path, journal: Journal) -> CentreStore:
        store = CentreStore(path)
        store.enrol("gate-1", GATE_KEY.public, UTC)
        collect(store, CENTRE_KEYS, payloads(journal, GATE_KEY), UTC)
        return store

    heads = tmp_path / "heads"
    with closing(open_journal(tmp_path / "journal.db")) as journal:
        fill(journal, 10)
        with closing(collected(tmp_path / "old.db", journal)) as old:
            fill(journal, 10)
            with closing(collected(tmp_path / "new.db", journal)) as new:
                write_heads(heads, new, CENTRE_KEYS.signing)
                assert service(new, heads).status().lost == ()
            restored = service(old, heads)
            restored.turn(0, UTC)
            (lost,) = restored.status().lost
            assert (lost.gate, lost.seq) == ("gate-1", 20)
            assert lost.what == "the store is older than its receipts: it ends at 10"
            kept = heads.read_text()
            collect(old, CENTRE_KEYS, payloads(journal, GATE_KEY)[:1], UTC)
            restored._changed = True
            restored.close()
            assert heads.read_text() == kept  # what accuses us is not written over
            collect(old, CENTRE_KEYS, payloads(journal, GATE_KEY), UTC)  # the gate sends again
            assert check_heads(heads, old, KEY) == []
            assert service(old, heads).status().lost == ()


def test_shards_share_the_gates_among_them(place: Path | str, tmp_path: Path) -> None:
    with closing(CentreStore(place)) as store:
        names = [f"gate-{n}" for n in range(200)]
        for name in names:
            store.enrol(name, SigningKey.generate(seeded(hash_free(name))).public, UTC)
        topics = [set(service(store, tmp_path / "h", Shard(n, 4))._topics) for n in (1, 2, 3, 4)]
        assert [each for each in topics if "egate/enrol/+" in each] == topics[:1]
        topics[0].remove("egate/enrol/+")
        assert sum(map(len, topics)) == 2 * len(names)
        assert set().union(*topics) == {
            f"egate/{kind}/{name}" for name in names for kind in ("records", "live")
        }
        assert all(60 <= len(each) <= 140 for each in topics)
        late = next(n for n in range(200, 400) if Shard(1, 4).has(f"gate-{n}"))
        one = service(store, tmp_path / "h", Shard(1, 4))
        before = len(one._topics)
        one.turn(0, UTC)
        store.enrol(f"gate-{late}", SigningKey(b"\x07" * 32).public, UTC)
        one.turn(11_000_000_000, UTC)
        assert len(one._topics) == before + 2
        assert set(service(store, tmp_path / "h")._topics) == {
            "egate/records/+",
            "egate/live/+",
            "egate/enrol/+",
        }


def hash_free(name: str) -> int:
    """A seed that is the same in every process."""
    return sum(name.encode()) * 1000 + int(name.split("-")[1])
