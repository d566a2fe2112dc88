"""The console's end of the lane API against lanes that misbehave."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from fake_lane import KEYS, FakeLane, now_ms, referred, waiting

from gate_agent.console.client import Bank, Lane, Waits
from gate_agent.console.config import LaneAddress
from gate_agent.lane_api import channel
from gate_agent.lane_api.api import VERSION, Challenge, Delta, Role, Snapshot, ToLane, proof
from gate_agent.lane_api.channel import FrameReader

PATIENCE_S = 60.0
QUICK = Waits(
    backoff_min_s=0.01,
    backoff_max_s=0.02,
    silence_s=0.2,
    answer_s=0.1,
    beat_answer_s=PATIENCE_S,
)
PATIENT = Waits(
    backoff_min_s=0.01,
    backoff_max_s=0.02,
    silence_s=PATIENCE_S,
    answer_s=PATIENCE_S,
    beat_answer_s=PATIENCE_S,
)
CHALLENGE = Challenge(version=VERSION, nonce=b"n" * 32)
SNAPSHOT = Snapshot(seq=5, view=waiting(1))


def bank_of(path: Path, key: bytes = KEYS[Role.CONSOLE], waits: Waits = QUICK) -> Bank:
    random = os.urandom
    return Bank((LaneAddress(number=1, socket=path, key=key),), now_ms, random, waits)


class ScriptedLane:
    """Sends each connection the next script, then waits for the peer to leave."""

    def __init__(self, *scripts: list) -> None:
        self.scripts = list(scripts)
        self.received: list = []
        self.ended = asyncio.Event()  # a connection was read to its end

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        for message in script:
            writer.write(message if isinstance(message, bytes) else channel.encode(message))
        frames: FrameReader = FrameReader(ToLane)
        while data := await reader.read(65536):
            self.received += frames.feed(data)
        writer.close()
        self.ended.set()


async def until(bank: Bank, condition) -> Lane:
    lane = bank.lanes[1]
    async with asyncio.timeout(PATIENCE_S):
        with bank.subscribed() as subscription:
            while not condition(lane):
                await subscription.changes(1)
    return lane


async def follow(path: Path, scripted: ScriptedLane, *conditions, waits: Waits = QUICK) -> Lane:
    server = await asyncio.start_unix_server(scripted.serve, str(path))
    bank = bank_of(path, waits=waits)
    running = asyncio.create_task(bank.run())
    try:
        for condition in conditions:
            lane = await until(bank, condition)
        return lane
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "diagnosis"),
    [
        ([CHALLENGE, SNAPSHOT, Delta(seq=7, changes={})], "a change of the view was missed"),
        ([CHALLENGE, SNAPSHOT, Delta(seq=6, changes={"step": "flying"})], "does not decode"),
        ([CHALLENGE, SNAPSHOT, b"\xff\xff\xff\xff"], "announced"),
        ([CHALLENGE, SNAPSHOT, b"\x00\x00\x00\x01\xc1"], "does not decode"),
        ([CHALLENGE, SNAPSHOT], "no answer"),
        ([Challenge(version=VERSION + 1, nonce=b"n")], "another version"),
        ([], "no answer"),
    ],
)
def test_a_lane_that_misbehaves_is_away_and_tried_again(tmp_path, script, diagnosis):
    scripted = ScriptedLane(script, [CHALLENGE, SNAPSHOT, Delta(seq=6, changes={"zone": "one"})])
    lane = asyncio.run(
        follow(
            tmp_path / "lane.sock",
            scripted,
            lambda lane: diagnosis in lane.away,
            lambda lane: lane.view is not None and lane.view.zone == "one",
            waits=QUICK if diagnosis == "no answer" else PATIENT,
        )
    )
    assert lane.away_since_utc_ms > 0


def test_it_proves_its_key(tmp_path):
    scripted = ScriptedLane([CHALLENGE, SNAPSHOT])
    asyncio.run(follow(tmp_path / "l.sock", scripted, lambda lane: lane.view is not None))
    assert scripted.received[0].mac == proof(KEYS[Role.CONSOLE], b"n" * 32)


def test_a_wrong_key_is_shown(tmp_path):
    fake = FakeLane(tmp_path / "lane.sock", 1)

    async def run() -> None:
        bank = bank_of(fake.path, b"x" * 32)
        running = asyncio.create_task(bank.run())
        await until(bank, lambda lane: "refused" in lane.away)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    fake.close()


def test_requests_to_a_lane_that_does_not_answer_end(tmp_path):
    async def run() -> None:
        scripted = ScriptedLane([CHALLENGE, SNAPSHOT])
        server = await asyncio.start_unix_server(scripted.serve, str(tmp_path / "l.sock"))
        bank = bank_of(
            tmp_path / "l.sock", waits=Waits(answer_s=0.05, picture_s=0.05, backoff_min_s=0.01)
        )
        lane = bank.lanes[1]
        fields = {"action": "accept", "officer": "b", "ticket": 7, "reason": "r"}
        assert "Nothing was done" in await lane.act(**fields, evidence_sha256="")
        running = asyncio.create_task(bank.run())
        await until(bank, lambda lane: lane.view is not None)
        assert "did not answer in time" in await lane.act(**fields, evidence_sha256="")
        assert await lane.picture(7, "live") == b""
        pictures = [lane.picture(7, "live") for _ in range(20)]
        assert set(await asyncio.gather(*pictures)) == {b""}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()
        await scripted.ended.wait()
        asked = [m for m in scripted.received if type(m).__name__ == "PictureRequest"]
        assert len(asked) == 9

    asyncio.run(run())


def test_lane_actions_name_no_crossing_whatever_the_page_said(tmp_path):
    fake = FakeLane(tmp_path / "lane.sock", 1)
    fake.show(referred(1))

    async def run() -> None:
        bank = bank_of(fake.path, waits=Waits())
        running = asyncio.create_task(bank.run())
        lane = await until(bank, lambda lane: lane.view is not None)
        fields = {"officer": "budi", "reason": "", "evidence_sha256": "ab" * 32}
        assert await lane.act(action="close_lane", ticket=7, **fields) is None
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    fake.close()
    assert (fake.actions[0].ticket, fake.actions[0].evidence_sha256) == (0, "")
