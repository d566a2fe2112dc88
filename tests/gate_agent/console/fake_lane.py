"""A scripted lane behind a real `LaneServer`: pages are tested without the rest of a lane."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import msgspec

from drivers.types import Check, CheckMode, Result
from gate_agent.lane_api.api import (
    Action,
    DeviceView,
    FaceView,
    HolderView,
    LastResult,
    Role,
    Step,
    SyncView,
    View,
)
from gate_agent.lane_api.requests import Callbacks, Reply
from gate_agent.lane_api.server import Clock, LaneServer

PATIENCE_S = 60.0
KEYS = {
    Role.CONSOLE: b"c" * 32,
    Role.SYNC: b"s" * 32,
    Role.STATUS: b"t" * 32,
}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


CLOCK = Clock(monotonic_ns=time.monotonic_ns, utc_ms=now_ms)

CHECKS = (
    Check(id="mrz_consistency", result=Result.SUCCESSFUL, ms=1.2),
    Check(id="access_control", result=Result.SUCCESSFUL, detail="BAC", ms=412.0),
    Check(id="sod_signature", result=Result.SUCCESSFUL, ms=3.1),
    Check(id="ds_chain", result=Result.SUCCESSFUL, ms=2.0),
    Check(id="ds_validity", result=Result.SUCCESSFUL, ms=0.1),
    Check(id="csca_validity", result=Result.SUCCESSFUL, ms=0.1),
    Check(id="ds_revocation", result=Result.UNDETERMINED, detail="no CRL", ms=0.1),
    Check(id="dg_hash.DG1", result=Result.SUCCESSFUL, ms=0.2),
    Check(id="dg_hash.DG2", result=Result.FAILED, detail="hash differs", ms=0.4),
    Check(id="active_authentication", result=Result.NOT_SUPPORTED, mode=CheckMode.OPTIONAL),
    Check(id="expiry", result=Result.SUCCESSFUL, ms=0.1),
    Check(id="mrz_dg1", result=Result.ABORTED, ms=0.1),
)

HOLDER = HolderView(
    surname="SANTOSO",
    given_names="DEWI MARIA",
    nationality="IDN",
    issuing_state="IDN",
    document_number="X1234567",
    birth_date="1990-04-12",
    expiry="2030-04-11",
    sex="F",
)


def waiting(number: int) -> View:
    """A lane in service with no one in it."""
    return View(
        lane=number,
        gate=f"gate-{number}",
        site="demo-site",
        direction="entry",
        topology="barrier",
        demo=True,
        mode="auto",
        since_utc_ms=now_ms(),
        step=Step.WAITING,
        zone="empty",
        entry="closed",
        exit="closed",
        lease=True,
        devices=tuple(
            DeviceView(device=name, ready=True, identity=f"demo {name}")
            for name in ("reader", "vision", "turnstile", "journal")
        ),
        sync=SyncView(journal_seq=120, receipt_seq=118, oldest_unsent_s=2, connected=True),
        officer_reasons=("identity", "document", "conditions", "other"),
        last=LastResult(ticket=6, outcome="admitted", at_utc_ms=now_ms()),
    )


def mantrap(number: int) -> View:
    """A lane with two doors: one traveller in the chamber, another before the entry."""
    return msgspec.structs.replace(
        waiting(number),
        topology="mantrap",
        step=Step.VERIFYING,
        ticket=9,
        zone="one",
        entry_lock="locked",
        exit_lock="locked",
        approach_zone="one",
        beyond_zone="empty",
    )


def referred(number: int, ticket: int = 7, reasons: tuple[str, ...] = ("dg_hash",)) -> View:
    """A lane whose traveller waits for an officer."""
    return msgspec.structs.replace(
        waiting(number),
        step=Step.REFERRED,
        ticket=ticket,
        zone="one",
        checks=CHECKS,
        face=FaceView(score=0.61, threshold=0.42, pad="not_run", faces=1, tier="packaged"),
        reasons=reasons,
        evidence_sha256="ab" * 32,
        holder=HOLDER,
        issuing_state="IDN",
        since_utc_ms=now_ms(),
    )


class FakeLane:
    """A lane that shows what a test gives it and keeps every request."""

    def __init__(self, path: Path, number: int, pictures: dict[str, bytes] | None = None) -> None:
        self.path = path
        self.number = number
        self.view = waiting(number)
        self.actions: list[Action] = []
        self.leases: list[str] = []
        self.receipts: list[bytes] = []
        self.links: list[bool] = []
        self.error: str | None = None
        self._pictures = pictures or {}
        self._changed = threading.Condition()
        self._stop = threading.Event()
        callbacks = Callbacks(
            on_action=self._act,
            on_lease=lambda officer: self._note(self.leases, officer),
            on_picture=self._picture,
            on_receipt=lambda receipt: self._note(self.receipts, receipt),
            on_link=lambda connected, _alarm: self._note(self.links, connected),
        )
        self.server = LaneServer(path, KEYS, callbacks, os.urandom, CLOCK)
        self.server.listen()
        self._thread = threading.Thread(target=self.server.run, args=(self._stop,))
        self._thread.start()
        self.show(self.view)

    def show(self, view: View) -> None:
        self.view = view
        self.server.publish(view)

    def wait_for(self, seen: list[object] | list[Action] | list[str], count: int = 1) -> bool:
        """Whether a list reaches this length in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(seen) >= count, timeout=PATIENCE_S)

    def close(self) -> None:
        self._stop.set()
        self.server.wake()
        self._thread.join(timeout=PATIENCE_S)

    def _note(self, seen: list, item: object) -> None:
        with self._changed:
            seen.append(item)
            self._changed.notify_all()

    def _act(self, action: Action) -> str | None:
        self._note(self.actions, action)
        if self.error is None and action.action in ("accept", "reject"):
            outcome = "admitted" if action.action == "accept" else "refused"
            self.show(
                msgspec.structs.replace(
                    waiting(self.number),
                    step=Step.CROSSING if outcome == "admitted" else Step.LEAVING,
                    ticket=action.ticket,
                    last=LastResult(
                        ticket=action.ticket,
                        outcome=outcome,
                        reasons=self.view.reasons,
                        officer=action.officer,
                        at_utc_ms=now_ms(),
                    ),
                )
            )
        return self.error

    def _picture(self, ticket: int, kind: str, reply: Reply) -> None:
        reply(self._pictures.get(kind, b""))
