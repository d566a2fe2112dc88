"""Journal to centre over a real broker, with everything killed in the middle."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
import pytest
from record_support import (
    CENTRE_KEY,
    CENTRE_KEYS,
    GATE_KEY,
    QUICK,
    UTC,
    Bench,
    fill,
    free_ports,
    now_ns,
    seeded,
)

from sim.wires.broker import BrokerFailed, EmbeddedBroker
from sync.log.encoding import seal_batch
from sync.log.envelope import RecordPlace, centre_hour, open_identity
from sync.log.errors import StorageFailed
from sync.log.types import Batch, Contents, Item, RecordKind

pytestmark = pytest.mark.live


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    five, three = free_ports(2)
    with EmbeddedBroker(port=five, port_311=three) as started:
        yield started


@pytest.fixture(params=["5", "3.1.1"])
def bench(
    request: pytest.FixtureRequest, broker: EmbeddedBroker, tmp_path: Path
) -> Iterator[Bench]:
    port = broker.port if request.param == "5" else broker.port_311
    limits = msgspec.structs.replace(QUICK, port=port, protocol=request.param)
    made = Bench(tmp_path, limits)
    yield made
    made.close()


def test_records_arrive_and_are_released(bench: Bench) -> None:
    fill(bench.journal, 300)
    bench.until(bench.settled)
    fill(bench.journal, 5)
    bench.until(bench.settled)
    assert bench.compare() == (0, 0)
    assert bench.store.count("gate-1") == 305
    assert bench.store.audit() == []
    assert bench.journal.verify() == []
    assert bench.links[0] is True


def test_broker_killed_and_restarted(bench: Bench, broker: EmbeddedBroker) -> None:
    fill(bench.journal, 50)
    bench.until(bench.settled)
    for _ in range(3):
        fill(bench.journal, 100)
        bench.turn()
        broker.kill()
        fill(bench.journal, 50)
        bench.until(lambda: bench.links[-1] is False)
        broker.start()
        bench.until(bench.settled)
    assert bench.compare() == (0, 0)
    assert bench.store.count() == 500
    assert bench.store.audit() == []


def test_sync_and_centre_replaced_in_the_middle(bench: Bench) -> None:
    for _ in range(3):
        fill(bench.journal, 150)
        bench.turn()
        assert bench.sync is not None
        assert bench.centre is not None
        bench.sync.close()
        bench.sync = bench.new_sync()
        fill(bench.journal, 20)
        bench.turn()
        bench.centre.close()
        bench.centre = None
        for _ in range(5):
            bench.turn()
        bench.centre = bench.new_centre()
        bench.until(bench.settled)
    assert bench.compare() == (0, 0)
    assert bench.store.count() == 510


def test_a_centre_set_back_to_a_backup_is_sent_what_it_lost(bench: Bench, tmp_path: Path) -> None:
    """The gate says so while it lasts; a centre with another history gets nothing and is named."""
    fill(bench.journal, 50)
    bench.until(bench.settled)
    with closing(sqlite3.connect(tmp_path / "centre.db")) as source:
        source.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    fill(bench.journal, 50)
    bench.until(bench.settled)
    assert bench.sync is not None
    bench.replace_store(tmp_path / "backup.db")
    fill(bench.journal, 5)
    alarms: set[str] = set()

    def sent_again() -> bool:
        alarms.add(bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
        return bench.store.count() == 105 and bench.settled()

    bench.until(sent_again)
    assert bench.compare() == (0, 0)
    assert bench.store.audit() == []
    assert any("sent again" in alarm for alarm in alarms)
    assert bench.sync.status(now_ns()).alarm == ""


def test_a_centre_with_another_history_is_named(bench: Bench, tmp_path: Path) -> None:
    fill(bench.journal, 50)
    bench.until(bench.settled)
    with closing(sqlite3.connect(tmp_path / "centre.db")) as source:
        source.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    with closing(sqlite3.connect(tmp_path / "backup.db")) as other, other:
        other.execute("UPDATE logs SET commitment = zeroblob(32)")
    fill(bench.journal, 10)
    bench.until(bench.settled)
    bench.replace_store(tmp_path / "backup.db")
    fill(bench.journal, 5)
    bench.until(lambda: "another log" in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert (bench.store.count(), bench.journal.receipt_seq) == (50, 60)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_collector_dies_around_its_commit(bench: Bench, moment: str) -> None:
    """Before: nothing is stored or acknowledged. After: stored, but not acknowledged."""
    assert bench.centre is not None
    deaths = 0

    class Died(Exception):
        pass

    real = bench.centre._take

    def dying(received: object, utc: str) -> None:
        nonlocal deaths
        deaths += 1
        if moment == "after":
            bench.centre._answer = lambda answers: None  # type: ignore[union-attr,method-assign,assignment]
            bench.centre._link.acknowledge = lambda message: None  # type: ignore[union-attr,method-assign]
            real(received, utc)  # type: ignore[arg-type]
        raise Died

    bench.centre._take = dying  # type: ignore[method-assign,assignment]
    fill(bench.journal, 200)
    with pytest.raises(Died):
        bench.until(bench.settled)
    bench.centre.close()
    stored = bench.store.count()
    assert (stored > 0) == (moment == "after")
    assert bench.journal.receipt_seq == 0
    bench.centre = bench.new_centre()
    bench.until(bench.settled)
    assert deaths == 1
    assert bench.compare() == (0, 0)
    assert bench.store.count() == 200


def test_store_that_fails_acknowledges_nothing(bench: Bench) -> None:
    assert bench.centre is not None
    real = bench.store.save
    failures = 0

    def failing(*arguments: object) -> None:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise StorageFailed("disk full")
        real(*arguments)  # type: ignore[arg-type]

    bench.store.save = failing  # type: ignore[method-assign]
    fill(bench.journal, 60)
    bench.until(bench.settled)
    assert failures > 2
    assert bench.compare() == (0, 0)


def test_rubbish_is_quarantined_and_neighbours_go_on(bench: Bench, broker: EmbeddedBroker) -> None:
    from sync.log.mqtt import MqttLink

    stranger = MqttLink(
        host="127.0.0.1",
        port=bench.limits.port,
        client_id="stranger",
        protocol=bench.limits.protocol,
        subscriptions=(),
    )
    bench.until(lambda: bench.centre is not None and bench.centre.status().connected)
    stranger.connect()
    bench.until(lambda: bool(stranger.pump()) and stranger.connected)
    forged = Batch(gate="gate-1", epoch="00" * 16, first_seq=1, sealed=b"x", checkpoint="")
    malformed = Contents(items=(Item(commitment=b"x"),))
    seal = CENTRE_KEYS.public.sealing
    for payload in (
        b"",
        b"\xc1rubbish",
        seal_batch(forged, malformed, CENTRE_KEY, seal, seeded()),
        seal_batch(forged, malformed, GATE_KEY, seal, seeded()),
    ):
        stranger.publish("egate/records/gate-1", payload)
    stranger.publish("egate/receipt/gate-1", b"no receipt")
    fill(bench.journal, 20)
    bench.until(bench.settled)
    bench.until(
        lambda: bool(stranger.pump() or True) and len(bench.store.quarantine.messages()) == 4
    )
    stranger.close()
    reasons = sorted(each.reason for each in bench.store.quarantine.messages())
    assert reasons == ["forged", "inconsistent", "malformed", "malformed"]
    assert bench.compare() == (0, 0)


def test_broker_listens_on_loopback_only(broker: EmbeddedBroker) -> None:
    """Read the kernel's table of listeners: no other address has our ports."""
    ports = {broker.port, broker.port_311}
    listeners: list[tuple[str, int]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == "0A" and int(port, 16) in ports:
                listeners.append((address, int(port, 16)))
    assert sorted(listeners) == sorted(("0100007F", port) for port in ports)


def test_broker_refuses_other_addresses_and_taken_ports() -> None:
    with pytest.raises(BrokerFailed, match="loopback"):
        EmbeddedBroker(host="192.0.2.1", port=1883)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BrokerFailed, match="taken"):
            EmbeddedBroker(port=taken.getsockname()[1]).start()


def test_two_clients_of_one_name_do_not_fight_for_ever(bench: Bench) -> None:
    twin = bench.new_sync()
    bench.until(lambda: bool(bench.links))
    assert bench.sync is not None

    def suspicious() -> bool:
        from record_support import now_ns

        twin.turn(now_ns())
        assert bench.sync is not None
        alarms = bench.sync.status(now_ns()).alarm + twin.status(now_ns()).alarm
        return "another client" in alarms

    bench.until(suspicious)
    twin.close()


def test_nothing_personal_is_readable_on_the_wire(bench: Bench) -> None:
    """A client of the broker that is no part of ours listens to everything."""
    delivered: list[bytes] = []
    version = (
        paho.MQTTProtocolVersion.MQTTv5
        if bench.limits.protocol == "5"
        else paho.MQTTProtocolVersion.MQTTv311
    )
    listener = paho.Client(paho.CallbackAPIVersion.VERSION2, "listener", protocol=version)
    granted: list[object] = []
    listener.on_subscribe = lambda *arguments: granted.append(arguments)
    listener.on_message = lambda client, data, message: delivered.append(
        message.topic.encode() + message.payload
    )
    listener.connect("127.0.0.1", bench.limits.port)
    listener.subscribe("#", qos=1)

    def listening() -> bool:
        listener.loop(timeout=0.01)
        return bool(granted)

    bench.until(listening)
    person = {"surname": "ZZYZX", "given_names": "QWYJIBO", "document_number": "X7Y8Z9W"}
    facts = {"outcome": "refer", "attributes": {"nationality": "UTO", "age": 47}}
    facts["officer"] = "OFFICER-KWYJ"  # type: ignore[assignment]
    for ticket in range(1, 6):
        bench.journal.append(RecordKind.DECISION, ticket, 0, UTC, facts, person)
    bench.until(bench.settled)
    bench.until(lambda: listening() and len(delivered) >= 2)
    listener.disconnect()
    listener.loop_misc()
    wire = b"".join(delivered)
    assert b"egate/records/gate-1" in wire
    secrets = [*person.values(), *person, "UTO", "nationality", "OFFICER-KWYJ", "outcome"]
    assert [word for word in secrets if word.encode() in wire] == []
    epoch = bench.journal.epoch
    for record in bench.store.records("gate-1"):
        item = bench.store.item("gate-1", epoch, record.seq)
        assert item is not None
        assert isinstance(record.identity, bytes)
        sealed = bench.store.hour_key("gate-1", epoch, item.key_id)
        hour = centre_hour(sealed, CENTRE_KEYS.opening, "gate-1", epoch, item.key_id)
        place = RecordPlace("gate-1", epoch, record.seq)
        assert open_identity(place, record.identity, item.wrapped, hour) == person
    database = (bench.tmp / "centre.db").read_bytes() + (bench.tmp / "centre.db-wal").read_bytes()
    assert b"ZZYZX" not in database


def test_utc_is_noted_beside_the_record(bench: Bench) -> None:
    fill(bench.journal, 1)
    bench.until(bench.settled)
    assert bench.store._db.value("SELECT heard_utc FROM logs") == UTC
