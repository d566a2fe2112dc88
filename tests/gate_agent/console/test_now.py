"""What pages ask for again and again: short answers, contents only where something changed."""

from __future__ import annotations

import msgspec
import pytest
from console_bench import TOKENS
from fake_lane import HOLDER, referred, waiting


def asked(client, path):
    answer = client.get(path)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    return msgspec.json.decode(answer.body)


def until(client, path, **fields):
    """The first answer whose only lane has these fields."""
    for _ in range(3_000):
        found = asked(client, path)
        lane = found["state"]["lanes"][0]
        if all(lane[key] == value for key, value in fields.items()):
            return found
    raise AssertionError(f"{path} never shows {fields}")


@pytest.mark.parametrize("path", ["/now", "/now?lane=1", "/lane/1/traveller/now"])
def test_nothing_is_answered_without_a_right_to_it(bench, path):
    assert bench.client().get(path).status == 401


def test_names_are_on_the_page_of_their_lane_alone(bench):
    officer = bench.officer()
    bench.lanes[1].show(referred(1))
    own = until(officer, "/now?lane=1", step="referred")
    assert own["state"]["lanes"][0]["holder"][0]["value"] == HOLDER.surname
    bank = asked(officer, "/now")
    assert [lane["lane"] for lane in bank["state"]["lanes"]] == [1, 2]
    assert HOLDER.surname not in str(bank)
    assert officer.get("/now?lane=9").status == 404


def test_what_is_seen_is_not_sent_again(bench):
    officer = bench.officer()
    bench.lanes[1].show(referred(1))
    first = until(officer, "/now?lane=1", step="referred")
    again = asked(officer, f"/now?lane=1&seen={first['version']}")
    assert (again["state"], again["version"]) == (None, first["version"])
    bench.lanes[1].show(waiting(1))
    changed = until(officer, "/now?lane=1", step="waiting")
    assert changed["version"] != first["version"]


def test_a_lane_that_does_not_answer_is_named_and_fire_is_said(bench):
    officer = bench.officer()
    until(officer, "/now?lane=1", step="waiting")
    bench.lanes[1].show(msgspec.structs.replace(waiting(1), fire=True))
    found = until(officer, "/now?lane=1", fire=True)["state"]
    assert found["evacuation"].startswith("FIRE or EVACUATION at lane 1")
    assert [row["kind"] for row in found["queue"]] == ["fire"]
    bench.lanes[1].close()
    assert until(officer, "/now?lane=1", away=True)["state"]["silent"] == [1]


def test_a_display_gets_its_scene_and_no_more(bench):
    display = bench.client()
    display.get(f"/lane/2/traveller?token={TOKENS[2]}")
    bench.lanes[2].show(referred(2, reasons=("pad_attack",)))
    for _ in range(3_000):
        found = asked(display, "/lane/2/traveller/now")
        if found["state"]["display"]["scene"] == "officer":
            break
    assert HOLDER.surname not in str(found)
    assert "attack" not in str(found)
    assert asked(display, f"/lane/2/traveller/now?seen={found['version']}")["state"] is None
    assert display.get("/now").status == 401


def test_a_decision_that_is_given_again_is_done_once(bench):
    officer = bench.officer()
    bench.lanes[1].show(referred(1))
    until(officer, "/now?lane=1", step="referred")
    fields = {
        "action": "accept",
        "ticket": "7",
        "reason": "identity",
        "evidence": "ab" * 32,
        "nonce": "0f" * 16,
    }
    for _ in range(2):
        answer = officer.act(1, **fields)
        assert (answer.status, msgspec.json.decode(answer.body)["ok"]) == (200, True)
    assert len(bench.lanes[1].actions) == 1
    other = officer.act(1, **fields | {"nonce": "1f" * 16})
    assert other.status == 409
    assert "is over" in msgspec.json.decode(other.body)["text"]
    assert officer.act(1, **fields | {"nonce": "x"}).status == 400


def test_a_page_that_asks_and_beats_keeps_the_lease(bench):
    officer = bench.officer()
    csrf = officer.csrf()
    asked(officer, "/now")
    assert officer.post("/presence", {"csrf": csrf}).status == 204
    assert bench.lanes[1].wait_for(bench.lanes[1].leases)
