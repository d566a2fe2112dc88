"""The campaign of kills: a gate's way to the centre, with its processes killed at random.

Everything is the product's own process: sync and collector as on a gate and at a centre,
over a real broker; the gate's end is `sim.chaos.gate`. Each is ended by SIGKILL, at random
moments, while records flow. Nothing is announced beforehand and nothing is flushed.
"""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gate_agent import live
from sim.bench.record.servers import PostgresCluster
from sim.chaos.verdict import compare
from sim.chaos.wire import Listener
from sim.live.setup import folder, free_port, write_key
from sim.live.supervisor import Child, Supervisor
from sim.wires.broker import EmbeddedBroker
from sync.gate.journal_reader import JournalReader
from sync.log.errors import StorageError
from sync.log.keys import (
    CentreKeys,
    SigningKey,
    write_centre_keys,
    write_centre_public,
    write_public_key,
    write_signing_key,
)

GATE = "chaos-1"
BROKER = "broker"
KILL_MIN_MS, KILL_MAX_MS = 100, 900
DOWN_MAX_MS = 300
IN_FLOW_SHARE = 0.25
IN_FLOW_S = 20
"""So many kills wait until the centre has confirmed more than at the last one, at most so long:
otherwise, on a slow computer, nothing would be on its way when a process dies."""

START_S = 120
SETTLE_S = 180
TURN_MS = 20


class Plan(NamedTuple):
    """What a campaign does. `per_turn` records are asked for fifty times a second.

    `postgres`: the centre's records are in PostgreSQL, otherwise in SQLite.
    """

    kills: int
    records: int
    per_turn: int
    seed: int
    postgres: bool = False


class CampaignFailed(Exception):
    """A process does not start, or records do not settle; `diagnosis` says which."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class Campaign:
    """One campaign in one folder, from its keys to its verdict."""

    def __init__(
        self, root: Path, plan: Plan, say: Callable[[str], None], *, keep: bool = False
    ) -> None:
        self._keep = keep
        self._plan = plan
        self._say = say
        self._random = random.Random(plan.seed)  # noqa: S311 - the kills' schedule
        self._home, self._centre = folder(root / "gate"), folder(root / "centre")
        self._logs = folder(root / "logs")
        self._port = free_port()
        self._keys = self._lay_out()
        self._broker = EmbeddedBroker(port=self._port)
        self._broker_at_ns: int | None = None
        self._database = PostgresCluster() if plan.postgres else None
        self._supervisor = Supervisor()
        self._listener = Listener(self._port)
        self._stop = live.Stop()
        self._kills: Counter[str] = Counter()

    def run(self) -> dict[str, Any]:
        """Start everything, kill, let it settle, compare.

        Raises:
            CampaignFailed: something does not start, or does not settle in time.
        """
        began = live.monotonic_ns()
        try:
            self._start()
            self._kill_on()
            confirmed = self._standing()[1]
            (self._home / "enough").touch()
            settled = self._settle()
            self._supervisor.end(["agent", "sync", "collector"])
            place = self._centre / "centre.db" if self._database is None else self._database.address
            found = compare(self._home, place, self._keys)
        finally:
            self._supervisor.end()
            self._listener.close()
            self._broker.stop()
            if self._database is not None:
                if self._keep:
                    shutil.copytree(self._database.data, self._centre / "postgresql")
                self._database.remove()
        return {
            "kills": sum(self._kills.values()),
            "records": found.records,
            "lost": found.lost,
            "duplicated": found.duplicated,
            "altered": found.altered,
            "redelivered": self._listener.redelivered,
            "acknowledged": found.acknowledged,
            "confirmed_under_fire": confirmed,
            "settled": settled,
            "quarantined": found.quarantined,
            "findings": found.findings,
            "store": "sqlite" if self._database is None else "postgresql",
            "killed": dict(sorted(self._kills.items())),
            "seed": self._plan.seed,
            "seconds": (live.monotonic_ns() - began) // 1_000_000_000,
        }

    def _lay_out(self) -> CentreKeys:
        """Make keys and the gate's profile."""
        keys = folder(self._home / "keys")
        folder(self._home / "state")
        centre = CentreKeys.generate(live.system_random)
        write_centre_keys(self._centre, centre, demo=True)
        gate_key = SigningKey.generate(live.system_random)
        write_signing_key(keys / "gate.key", gate_key, demo=True)
        write_public_key(keys / "gate.pub", gate_key.public)
        write_centre_public(keys, centre.public)
        for name in ("sync.key", "journal.key"):
            write_key(keys / name, live.system_random(32))
        (self._home / "gate.toml").write_text(_PROFILE.format(home=self._home, port=self._port))
        return centre

    def _start(self) -> None:
        self._broker.start()
        if self._database is not None:
            (self._centre / "database").write_text(self._database.address)
        egate = [sys.executable, "-m", "gate_agent.cli"]
        sync = [*egate, "sync", "--profile", str(self._home / "gate.toml")]
        sync += ["--run-dir", str(self._home), "--state", str(self._home / "state")]
        centre = [*egate, "centre", "run", "--demo", "--state", str(self._centre)]
        centre += ["--port", str(self._port)]
        agent = [sys.executable, "-m", "sim.chaos.gate", "--home", str(self._home)]
        children = {} if self._database is None else {"database": self._database.argv}
        children |= {
            "agent": [*agent, "--gate", GATE, "--per-turn", str(self._plan.per_turn)],
            "sync": [*sync, "--keys", str(self._home / "keys")],
            "collector": [*centre, "--gate", f"{GATE}={self._home / 'keys' / 'gate.pub'}"],
        }
        for name, argv in children.items():
            child = Child(name=name, argv=argv, log=self._logs / f"{name}.log")
            self._supervisor.add(child, live.monotonic_ns())
        if not self._until(lambda: self._standing()[1] > 0, START_S):
            raise CampaignFailed("no record reached the centre; see the logs")

    def _kill_on(self) -> None:
        """Kill one after another until there were enough, and enough records, too."""
        said_ns = 0
        while True:
            kills, (last, confirmed) = sum(self._kills.values()), self._standing()
            if kills >= self._plan.kills and last >= self._plan.records:
                return
            if live.monotonic_ns() >= said_ns:
                said_ns = live.monotonic_ns() + 1_000_000_000
                self._say(f"{kills} kills, {last} records, {confirmed} confirmed")
            self._turns(self._random.randint(KILL_MIN_MS, KILL_MAX_MS))
            if kills < self._plan.kills:
                if self._random.random() < IN_FLOW_SHARE:
                    self._until(partial(self._confirms_more_than, confirmed), IN_FLOW_S)
                self._kill()

    def _confirms_more_than(self, seq: int) -> bool:
        """Whether the centre has confirmed more records than that."""
        return self._standing()[1] > seq

    def _kill(self) -> None:
        """SIGKILL one of those that run."""
        running = [
            name
            for name, child in self._supervisor.children.items()
            if child.process is not None and child.process.poll() is None
        ]
        if self._broker.running:
            running.append(BROKER)
        if not running:
            return
        victim = self._random.choice(sorted(running))
        down_ns = self._random.randint(0, DOWN_MAX_MS) * 1_000_000
        if victim == BROKER:
            self._broker.kill()
            self._broker_at_ns = live.monotonic_ns() + down_ns
        else:
            child = self._supervisor.children[victim]
            if child.process is not None:
                os.kill(child.process.pid, signal.SIGKILL)
            child.backoff_ns = down_ns
        self._kills[victim] += 1

    def _settle(self) -> bool:
        """Let everything run until the centre has confirmed every record."""

        def settled() -> bool:
            last, confirmed = self._standing()
            return last == confirmed and last > 0

        # Records that were asked for before `enough` came may still be on their way.
        self._turns(1000)
        return self._until(settled, SETTLE_S)

    def _standing(self) -> tuple[int, int]:
        """How many records the journal has, and how many are confirmed."""
        try:
            with closing(JournalReader(self._home / "state" / "journal.db")) as reader:
                return reader.last_seq(), reader.receipt_seq()
        except StorageError:
            return 0, 0

    def _until(self, condition: Callable[[], bool], seconds: int) -> bool:
        """Let things run until the condition holds; whether it did in time."""
        deadline = live.monotonic_ns() + seconds * 1_000_000_000
        while live.monotonic_ns() < deadline:
            if condition():
                return True
            self._turns(100)
        return False

    def _turns(self, milliseconds: int) -> None:
        """Restart what died, listen, for so long."""
        deadline = live.monotonic_ns() + milliseconds * 1_000_000
        while (now := live.monotonic_ns()) < deadline:
            self._supervisor.tend(now)
            if self._broker_at_ns is not None and now >= self._broker_at_ns:
                self._broker_at_ns = None
                self._broker.start()
            self._listener.turn(now)
            listening = self._listener.socket()
            select.select([] if listening is None else [listening], [], [], TURN_MS / 1000)


_PROFILE = """\
# A campaign's gate: it only writes records, and is marked DEMO.
[lane]
gate = "chaos-1"
site = "demo"
number = 1
direction = "entry"
authority = "Demo border authority"
crossing_point = "Demo crossing point"
demo = true

[camera]
source = "mjpeg:http://127.0.0.1:9/none"
fps = 8

[mrz_reader]
port = "{home}/mrz"

[chip_reader]
port = "{home}/chip"

[turnstile]
port = "{home}/turnstile"

[sync]
port = {port}
retry_min_ms = 100
retry_max_ms = 1000
"""
