"""A recorded inbox replays to the same commands, and the first difference is found."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from gate_world import PROFILE, World

from drivers.types import Zone
from gate_agent.core.states import initial
from gate_agent.loop import Loop
from gate_agent.records.recorder import Recorder, TraceError, TraceHash, replay, traces
from sync.log.types import RecordKind


def recorded(directory: Path, **limits) -> tuple[World, Recorder]:
    world = World(loop=Loop(initial(PROFILE), PROFILE))
    recorder = Recorder(directory, world.loop, **limits)
    world.to("Crossing")
    world.move(zone=Zone.EMPTY, passages_exit=8)
    world.present()
    world.read()
    world.later(11_000)
    for turn in world.turns:
        recorder(turn)
    recorder.close()
    return world, recorder


def test_replay_gives_the_same_commands(tmp_path):
    world, recorder = recorded(tmp_path)
    assert [c for c in world.sent if getattr(c, "kind", None) is RecordKind.FINISH]
    (path,) = traces(tmp_path)
    assert replay(path) is None
    again = TraceHash()
    for turn in world.turns:
        again.add(turn)
    assert again.trace_sha256 == recorder.trace_sha256


def test_every_file_of_the_ring_replays_by_itself(tmp_path):
    recorded(tmp_path, max_bytes=9_000, files=3)
    paths = traces(tmp_path)
    assert len(paths) == 3
    assert paths[0].name != "trace-00000001.jsonl"
    assert [replay(path) for path in paths] == [None] * 3


def test_the_first_difference_is_found(tmp_path):
    recorded(tmp_path)
    (path,) = traces(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"Observed"' in line)
    lines[at] = lines[at].replace(b'"score":0.9,"threshold"', b'"score":0.1,"threshold"')
    path.write_bytes(b"".join(lines))
    difference = replay(path)
    assert difference is not None
    assert difference.line == at + 1


def test_a_line_cut_off_by_power_loss_is_left_out(tmp_path):
    recorded(tmp_path)
    (path,) = traces(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    assert replay(path) is None


@pytest.mark.parametrize("text", [b"", b"{}\n", b"\xff\xfe\n", b"[1]\n", b'{"version":1}\n'])
def test_what_is_no_trace_is_a_typed_error(tmp_path, text):
    path = tmp_path / "trace-00000001.jsonl"
    path.write_bytes(text)
    with pytest.raises(TraceError):
        replay(path)


def test_a_bad_line_is_a_typed_error(tmp_path):
    recorded(tmp_path)
    (path,) = traces(tmp_path)
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(TraceError, match="line"):
        replay(path)


def test_the_state_survives_its_own_encoding():
    for step in ("Idle", "Reading", "Verifying", "Deciding", "Crossing", "Referred", "Leaving"):
        state = World().to(step).state
        text = msgspec.json.encode(state)
        assert msgspec.json.decode(text, type=type(state)) == state
