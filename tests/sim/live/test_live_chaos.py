"""Parts of a running lane are killed, or stopped for a while, at steps of a crossing."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import pytest
from demo_run import (
    EXPIRED,
    GENUINE,
    DemoRun,
    assert_never_opened_unasked,
    assert_nothing_lost_or_doubled,
    scenario,
)
from lane_watch import LaneWatch, at, confirmed, in_service

from gate_agent.lane_api.api import Step
from sync.log.types import RecordKind

pytestmark = pytest.mark.live

BACK_S = 10.0
LIMIT_S = 45.0
DECIDE_AGAIN_S = 2.0  # an action may have come too late, on evidence that had changed since
CAMPAIGN_S = 300.0
CROSSING = (Step.READING, Step.VERIFYING, Step.DECIDING, Step.CROSSING, Step.REFERRED)
PLAN = (
    *((part, step) for step in CROSSING for part in ("vision", "reader")),
    *((part, step) for step in CROSSING[2:4] for part in ("sync", "broker")),
    *(("agent", step) for step in (Step.VERIFYING, Step.CROSSING, Step.REFERRED)),
    *((f"{part} hangs", Step.VERIFYING) for part in ("vision", "sync")),
    *((f"{part} hangs", Step.DECIDING) for part in ("reader", "agent")),
)
AGENT_HELD_S = 3.0
LANES = (1, 2)


@dataclass
class Kill:
    """One part killed at one step, and when everything was well again, in seconds."""

    part: str
    step: Step
    lane: int
    pid: int
    at: float
    noticed: float | None = None  # of one that only hangs: it is let go on then
    back: float | None = None
    waiting: float | None = None
    left: str = ""  # where the lane stood when the time was up

    @property
    def hangs(self) -> bool:
        return self.part.endswith(" hangs")

    @property
    def over(self) -> bool:
        return self.back is not None and self.waiting is not None


class Campaign:
    """Kills one part after the other, each once the lane has got over the one before."""

    def __init__(self, run: DemoRun) -> None:
        self.run = run
        self._began = time.monotonic()
        self.pending = list(PLAN)
        self.kills: list[Kill] = []
        self._now: dict[int, Kill | None] = dict.fromkeys(LANES)
        self._last: dict[int, str] = dict.fromkeys(LANES, "")
        self._decided: dict[int, float] = dict.fromkeys(LANES, 0.0)
        self._acknowledged: dict[int, float] = dict.fromkeys(LANES, 0.0)

    def turn(self) -> bool:
        """Kill where it is time, follow, be the officer; True when all is done."""
        idle = time.monotonic() - max([self._began, *(kill.at for kill in self.kills)])
        assert idle < 2 * LIMIT_S, f"nothing to kill: {self.pending}\n{self.run.state()}"
        for number, lane in self.run.lanes.items():
            kill = self._now[number]
            if kill is None:
                self._kill(lane)
            else:
                self._follow(kill, lane)
            self._officer(lane)
        return not self.pending and all(kill is None for kill in self._now.values())

    def _kill(self, lane: LaneWatch) -> None:
        view = lane.view
        if view is None or not in_service(view):
            return
        for part, step in self.pending:
            name = part.removesuffix(" hangs")
            busy = any(k is not None and name in k.part for k in self._now.values())
            if step is not view.step or part == self._last[lane.number] or busy:
                continue
            pid = self.run.pid_of("broker" if part == "broker" else f"lane{lane.number}.{name}")
            if pid is None:
                continue
            os.kill(pid, signal.SIGKILL if name == part else signal.SIGSTOP)
            kill = Kill(part, step, lane.number, pid, time.monotonic())
            self.pending.remove((part, step))
            self.kills.append(kill)
            self._now[lane.number], self._last[lane.number] = kill, part
            return

    def _follow(self, kill: Kill, lane: LaneWatch) -> None:
        since = time.monotonic() - kill.at
        if kill.hangs and kill.noticed is None:
            self._follow_hanging(kill, lane, since)
            return
        name = "broker" if kill.part == "broker" else f"lane{kill.lane}.{kill.part}"
        pid = self.run.pid_of(name)
        replaced = kill.hangs or (pid is not None and pid != kill.pid)
        if kill.back is None and replaced and in_service(lane.view):
            linked = lane.view.sync.connected or kill.part not in ("sync", "sync hangs", "broker")
            kill.back = since if linked else None
        if kill.waiting is None and kill.back is not None and at(lane, Step.WAITING):
            kill.waiting = since
        if kill.over or since > LIMIT_S:
            self._end(kill, lane)
            print(f"{kill.part} killed at {kill.step}: back {kill.back}, waiting {kill.waiting}")

    def _end(self, kill: Kill, lane: LaneWatch) -> None:
        self._now[kill.lane] = None
        if not kill.over and (view := lane.view) is not None:
            alarms = list(view.alarms)
            kill.left = f"{view.step}, ticket {view.ticket}, {view.reasons}, alarms {alarms}"
            kill.left += f", refused {lane.refusals}"

    def _follow_hanging(self, kill: Kill, lane: LaneWatch, since: float) -> None:
        """Let it go on once the lane has noticed; an agent, after a while."""
        view = lane.view
        seen = since > AGENT_HELD_S if "agent" in kill.part else not in_service(view)
        if kill.part == "sync hangs":
            seen = view is not None and not view.sync.connected
        if seen or since > LIMIT_S:
            kill.noticed = since if seen else None
            os.kill(kill.pid, signal.SIGCONT)
        if since > LIMIT_S:
            self._end(kill, lane)

    def _officer(self, lane: LaneWatch) -> None:
        view = lane.view
        if view is None:
            return
        if view.alarms and time.monotonic() - self._acknowledged[lane.number] > 1.0:
            self._acknowledged[lane.number] = time.monotonic()
            lane.act("acknowledge")
        decidable = view.step is Step.REFERRED and view.evidence_sha256
        killable = not any(s is Step.REFERRED for _, s in self.pending) or self._now[lane.number]
        rested = time.monotonic() - self._decided[lane.number] > DECIDE_AGAIN_S
        if decidable and killable and rested:
            self._decided[lane.number] = time.monotonic()
            good = view.reasons == ("expiry",)
            lane.act("accept" if good else "reject", "document" if good else "identity")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """The whole campaign, the lanes closed at its end and everything confirmed."""
    cast = [[{**GENUINE, "portrait": p}, {**EXPIRED, "portrait": p}] for p in ("c1", "b1")]
    path = scenario(tmp_path_factory.mktemp("chaos") / "cast.toml", cast, '{ action = "ignore" }')
    with DemoRun(len(LANES), "--cast", path, "--port", "0") as run:
        run.open()
        campaign = Campaign(run)
        run.until(campaign.turn, "the end of all kills", CAMPAIGN_S)
        for lane in run.lanes.values():
            lane.act("close_lane")

        def at_rest() -> bool:
            campaign.turn()
            return all(at(lane, Step.CLOSED) and confirmed(lane) for lane in run.lanes.values())

        run.until(at_rest, "both lanes closed and every record confirmed", LIMIT_S)
        assert run.interrupt() == 0, run.state()
        yield campaign


@pytest.mark.parametrize(("part", "step"), PLAN)
def test_the_lane_is_back_in_service(campaign, part, step):
    kill = next(k for k in campaign.kills if (k.part, k.step) == (part, step))
    assert kill.back is not None, f"{kill}: {campaign.run.state()}"
    assert kill.waiting is not None, kill
    if kill.hangs:
        assert kill.noticed is not None, kill
    elif part != "agent":  # after it an officer has to look into the lane first
        backs = [k.back for k in campaign.kills if k.part == part and k.back is not None]
        assert min(backs) <= BACK_S, backs  # what else the machine does may hold up single ones


@pytest.mark.parametrize("lane", LANES)
def test_the_lane_never_opened_without_a_durable_accept(campaign, lane):
    assert_never_opened_unasked(campaign.run, lane)
    finishes = [r for r in campaign.run.journal(lane) if r.kind is RecordKind.FINISH]
    accepted = [r for r in finishes if r.facts["outcome"] in ("admitted", "accepted")]
    assert len(accepted) >= 3
    assert all(r.facts["passages"] == 1 for r in accepted)
    others = [r for r in finishes if r not in accepted]
    cut_off = sum("restart" in r.facts["reasons"] for r in others)
    assert 0 <= campaign.run.passages(lane) - len(accepted) <= cut_off
    assert sum(r.facts["passages"] or 0 for r in others) == 0


def test_no_record_is_lost_or_doubled(campaign):
    assert_nothing_lost_or_doubled(campaign.run, LANES)


def test_nothing_failed_but_what_was_killed(campaign):
    assert campaign.run.tracebacks() == []
    restarted = [line for line in campaign.run.lines if line.startswith("restarted")]
    assert len(restarted) == sum(not kill.hangs for kill in campaign.kills)
