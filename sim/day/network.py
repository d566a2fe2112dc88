"""The way from a day's lanes to its centre: journals, publishers, broker and the centre's store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from sim.lane.compose import centre_keys_of, utc_text
from sim.lane.fault_actions import Change
from sim.lane.uplink import CENTRE, LaneUplink, Uplink
from sim.lane.virtual_lane import VirtualLane
from sim.scenario.scenario import Scenario, stream
from sim.wires.broker import VirtualBroker
from sim.wires.kernel import MS, Alarm, Kernel
from sync.centre.store import CentreStore
from sync.gate.journal_reader import JournalReader
from sync.gate.publisher import Publisher
from sync.log.keys import SigningKey

BROKER_LATENCY_NS = 4 * MS


class _LaneJournal(JournalReader):
    """A lane's journal as its uplink reads it: the newest place without a query."""

    def __init__(self, lane: VirtualLane, path: Path) -> None:
        super().__init__(path)
        self.lane = lane

    def last_seq(self) -> int:
        return self.lane.journal.newest_seq


class DayNetwork:
    """Connects the lanes of a day with its centre.

    Args:
        scenario: of the day.
        kernel: its clock; the scenario begins now.
        folder: for the centre's store; the lanes' journals are there.
        settled: called after each turn of the uplink.

    Attributes:
        store: the centre's database.
        uplink: what carries the records.
    """

    def __init__(
        self, scenario: Scenario, kernel: Kernel, folder: Path, settled: Callable[[], None]
    ) -> None:
        self._scenario = scenario
        self._kernel = kernel
        self._folder = folder
        self._settled = settled
        self._keys = centre_keys_of(scenario)
        self._readers: list[JournalReader] = []
        self._syncing: Alarm | None = None
        self._syncing_ns = 0
        self.store = CentreStore(folder / "centre.db")
        self.uplink = Uplink(
            VirtualBroker(lambda: BROKER_LATENCY_NS),
            self.store,
            self._keys,
            notified=True,
            utc=lambda now_ns: utc_text(scenario, now_ns),
        )

    def connect(self, lanes: Iterable[VirtualLane]) -> None:
        """Enrol the lanes at the centre and connect them."""
        for lane in lanes:
            self._connect(lane)

    def start(self) -> None:
        """Begin to carry records."""
        self._sync(self._kernel.now_ns)

    def close(self) -> None:
        """Close every database."""
        for reader in self._readers:
            reader.close()
        self.store.close()

    def appended(self, now_ns: int) -> None:
        """A lane has a new record."""
        self.uplink.appended(now_ns)
        self._plan()

    # --- faults (`sim.lane.fault_actions.Network`) ----------------------------------------

    def cut_lanes(self, change: Change) -> None:
        """Cut the lanes of this fault off the broker, or connect them again."""
        for lane in self._scenario.lanes:
            if change.fault.lane in (None, lane.number):
                self._cut(f"sim-{lane.number}", change)

    def cut_centre(self, change: Change) -> None:
        """Cut the centre off the broker, or connect it again."""
        self._cut(CENTRE, change)

    def _cut(self, client: str, change: Change) -> None:
        (self.uplink.cut if change.on else self.uplink.restore)(client, change.now_ns)
        self._plan()

    # --- inside -----------------------------------------------------------------------------

    def _connect(self, lane: VirtualLane) -> None:
        seed, gate, start_ns = self._scenario.seed, lane.profile.lane.gate, self._kernel.now_ns
        key = SigningKey.generate(stream(seed, gate, "key").randbytes)
        self.store.enrol(gate, key.public, utc_text(self._scenario, start_ns))
        publisher = Publisher(
            gate=gate,
            epoch=lane.journal.epoch,
            receipt_seq=0,
            key=key,
            centre=self._keys.public,
            limits=lane.profile.sync,
            random=stream(seed, gate, "publisher").randbytes,
        )
        records = _LaneJournal(lane, self._folder / f"lane{lane.number}.db")
        self._readers.append(records)

        def take(receipt: bytes) -> None:
            lane.journal.acknowledge(receipt, self._keys.signing.public)

        self.uplink.add(LaneUplink(publisher, records, take), start_ns)

    def _sync(self, now_ns: int) -> None:
        self.uplink.expire(now_ns)
        self._plan()
        self._settled()

    def _plan(self) -> None:
        """See when the uplink has something to do next."""
        due_ns = self.uplink.due_ns
        if self._syncing is not None and self._syncing.pending:
            if due_ns is not None and self._syncing_ns <= due_ns:
                return
            self._syncing.cancel()
        if due_ns is not None:
            self._syncing_ns = max(due_ns, self._kernel.now_ns + MS)
            self._syncing = self._kernel.at(self._syncing_ns, self._sync)
