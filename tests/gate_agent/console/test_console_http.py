"""The console over a real socket: who gets what, and what the lanes hear of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from console_bench import JPEG, PASSWORD, TOKENS, ConsoleBench, Stream
from fake_lane import HOLDER, FakeLane, referred, waiting

from gate_agent.console.rate_limit import MAX_KEYS, RateLimit
from gate_agent.console.traveller_view import traveller_view
from gate_agent.lane_api.api import FaceView, LastResult, Step, View

PRIVATE = (
    ("/", 303),
    ("/lane/1", 303),
    ("/lane/1/traveller", 303),
    ("/events", 401),
    ("/events?lane=1", 401),
    ("/lane/1/picture/live?ticket=7", 401),
    ("/lane/1/picture/chip?ticket=7", 401),
    ("/lane/1/traveller/events", 401),
)


@pytest.mark.parametrize(("path", "status"), PRIVATE)
def test_without_a_sign_in_nothing_is_shown(bench, path, status):
    bench.lanes[1].show(referred(1))
    answer = bench.client().get(path)
    assert answer.status == status
    assert answer.headers.get("location") == ("/signin" if status == 303 else None)
    assert HOLDER.surname not in answer.text
    assert JPEG not in answer.body


@pytest.mark.parametrize("path", ["/lane/1/action", "/presence", "/signout"])
def test_without_a_sign_in_nothing_is_done(bench, path):
    fields = {"csrf": "", "action": "open_lane"}
    assert bench.client().post(path, fields).status == 401
    assert bench.lanes[1].actions == []


@pytest.mark.parametrize("path", [p for p, _ in PRIVATE] + ["/signin", "/healthz", "/nothing"])
def test_every_answer_carries_the_headers(bench, path):
    headers = bench.client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_pages_have_no_inline_script_or_style(bench):
    bench.lanes[1].show(referred(1))
    officer = bench.officer()
    for path in ("/", "/lane/1", "/lane/1/traveller"):
        page = officer.get(path).text
        assert "style=" not in page
        assert "<style" not in page
        assert page.count("<script") == page.count('<script type="module" src="/static/')
        assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", ""])
def test_other_hosts_are_refused(bench, host):
    assert bench.client().get("/signin", Host=host).status in (400, 421)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "ftp://{host}"])
def test_posts_from_other_sites_are_refused(bench, origin):
    officer = bench.officer()
    fields = {"csrf": officer.csrf(), "action": "open_lane"}
    answer = officer.post("/lane/1/action", fields, Origin=origin.format(host=bench.host))
    assert answer.status == 403
    assert bench.lanes[1].actions == []


def test_sign_in_sets_a_strict_cookie(bench):
    client = bench.client()
    answer = client.sign_in()
    assert answer.status == 303
    cookie = next(c for c in answer.headers.get_all("set-cookie") if "egate_session" in c)
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "Secure" not in cookie
    assert "Bank of lanes" in client.get("/").text


def test_cookies_are_secure_away_from_loopback(tmp_path):
    bench = ConsoleBench(tmp_path, secure_cookies=True)
    cookies = bench.client().sign_in().headers.get_all("set-cookie")
    bench.close()
    assert all("Secure" in c for c in cookies if "egate_session" in c)
    assert any("egate_session" in c for c in cookies)


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("budi", "wrong", 401),
        ("unknown", PASSWORD, 401),
        ("", "", 401),
        ("siti", PASSWORD, 401),  # without a code
        ("budi", "x" * 300, 413),
        ("<script>alert(1)</script>", "x", 401),
    ],
)
def test_bad_sign_ins_open_nothing(bench, name, password, status):
    client = bench.client()
    answer = client.sign_in(name, password)
    assert answer.status == status
    assert "<script>alert" not in answer.text
    assert client.get("/").status == 303


def test_sign_in_needs_its_own_token(bench):
    client = bench.client()
    client.get("/signin")
    fields = {"csrf": "00", "name": "budi", "password": PASSWORD}
    assert client.post("/signin", fields).status == 403
    assert bench.client().post("/signin", fields | {"csrf": ""}).status == 403


def test_failures_are_limited_per_name_and_forgiven_with_time(bench):
    client = bench.client()
    for _ in range(5):
        assert client.sign_in(password="wrong").status == 401
    assert client.sign_in().status == 429
    bench.skip_s += 61
    assert client.sign_in().status == 303


def test_sign_out_ends_the_session_at_the_server(bench):
    officer = bench.officer()
    csrf, cookie = officer.csrf(), officer.cookies["egate_session"]
    assert officer.post("/signout", {"csrf": "wrong"}).status == 403
    assert officer.post("/signout", {"csrf": csrf}).status == 303
    officer.cookies["egate_session"] = cookie
    assert officer.get("/").status == 303


def test_sessions_end_by_idling_and_by_age(bench):
    officer = bench.officer()
    bench.skip_s += 1_801
    assert officer.get("/").status == 303
    officer = bench.officer()
    for _ in range(16):
        assert officer.get("/").status == 200
        bench.skip_s += 1_799
    assert officer.get("/").status == 200
    bench.skip_s += 100
    assert officer.get("/").status == 303


def test_an_accepted_referral_reaches_the_lane(bench, follow):
    officer = bench.officer()
    stream = follow(officer, "/events?lane=1")
    bench.lanes[1].show(referred(1))
    seen = stream.until("lane", step="referred")
    assert seen["holder"][0] == {"name": "Surname", "value": "SANTOSO"}
    fields = {"action": "accept", "ticket": "7", "reason": "identity"}
    answer = officer.act(1, evidence=seen["evidence"], **fields)
    assert (answer.status, msgspec.json.decode(answer.body)["ok"]) == (200, True)
    action = bench.lanes[1].actions[0]
    assert (action.action, action.ticket, action.officer) == ("accept", 7, "budi")
    assert (action.reason, action.evidence_sha256) == ("identity", "ab" * 32)
    assert stream.until("lane", step="crossing")["holder"] == []


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"evidence": "cd" * 32}, 409, "evidence has changed"),
        ({"ticket": "6"}, 409, "is over"),
        ({"reason": ""}, 409, "Choose a reason"),
        ({"action": "launch"}, 400, "malformed"),
        ({"ticket": "-7"}, 400, "malformed"),
        ({"ticket": "9" * 5000}, 400, "malformed"),
        ({"csrf": "00"}, 403, "out of date"),
        ({"csrf": "é"}, 403, "out of date"),
    ],
)
def test_refused_actions_say_why(bench, follow, fields, status, text):
    officer = bench.officer()
    stream = follow(officer, "/events?lane=1")
    bench.lanes[1].show(referred(1))
    stream.until("lane", step="referred")
    sound = {"action": "accept", "ticket": "7", "reason": "identity", "evidence": "ab" * 32}
    answer = officer.act(1, **(sound | fields))
    assert answer.status == status
    assert text in msgspec.json.decode(answer.body)["text"]
    assert bench.lanes[1].actions == []


def test_actions_work_without_scripts(bench):
    officer = bench.officer()
    fields = {"csrf": officer.csrf(), "action": "close_lane"}
    answer = officer.post("/lane/1/action", fields)
    assert (answer.status, answer.headers["location"]) == (303, "/lane/1")
    assert "closes after the present crossing" in officer.get("/lane/1").text
    assert bench.lanes[1].wait_for(bench.lanes[1].actions)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"csrf=" + b"x" * 9_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"csrf=\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 40, "application/x-www-form-urlencoded", 400),
    ],
)
def test_bodies_are_small_forms(bench, body, kind, status):
    officer = bench.officer()
    assert officer.ask("POST", "/presence", body, Content_Type=kind).status == status
    assert officer.get("/").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/lane/9",
        "/lane/01",
        "/lane/" + "1" * 5000,
        "/lane/1/picture/finger?ticket=7",
        "/lane/1/picture/live?ticket=x",
        "/lane/1/picture/live",
        "/events?lane=9",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
    ],
)
def test_what_is_not_there_is_not_found(bench, follow, path):
    bench.lanes[1].show(referred(1))
    officer = bench.officer()
    follow(officer, "/events?lane=1").until("lane", step="referred")
    assert officer.get(path).status == 404


def test_pictures_are_for_officers_and_not_stored(bench, follow):
    bench.lanes[1].show(referred(1))
    officer = bench.officer()
    follow(officer, "/events?lane=1").until("lane", step="referred")
    answer = officer.get("/lane/1/picture/live?ticket=7")
    assert (answer.status, answer.body) == (200, JPEG)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    for missing in ("live?ticket=6", "chip?ticket=7"):
        answer = officer.get(f"/lane/1/picture/{missing}")
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["cache-control"] == "no-store"


def test_the_bank_is_followed_without_names(bench, follow):
    officer = bench.officer()
    stream = follow(officer, "/events")
    bench.lanes[2].show(referred(2, reasons=("dg_hash",)))
    board = stream.until("lane", lane=2, step="referred")
    assert board["holder"] is None
    assert board["reasons_text"] == "Data on the chip were altered"
    assert HOLDER.surname not in str(board)
    page = officer.get("/").text
    assert "Data on the chip were altered" in page
    assert HOLDER.surname not in page


def test_data_of_documents_are_escaped(bench, follow):
    holder = msgspec.structs.replace(HOLDER, surname="<script>alert(1)</script>")
    bench.lanes[1].show(msgspec.structs.replace(referred(1), holder=holder))
    officer = bench.officer()
    follow(officer, "/events?lane=1").until("lane", step="referred")
    page = officer.get("/lane/1").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_leases_are_renewed_only_while_a_page_answers(bench, follow):
    officer = bench.officer()
    csrf = officer.csrf()
    stream = follow(officer, "/events")
    for _ in range(5):
        stream.next("beat")
    assert bench.lanes[1].leases == []
    assert officer.post("/presence", {"csrf": csrf}).status == 204
    for lane in bench.lanes.values():
        assert lane.wait_for(lane.leases, 2)
        assert set(lane.leases) == {"budi"}
    bench.skip_s += 7
    for _ in range(4):  # what is under way may still arrive
        seen = len(bench.lanes[1].leases)
        for _ in range(5):
            stream.next("beat")
        if len(bench.lanes[1].leases) == seen:
            return
    pytest.fail("leases are renewed though no page answers")


def test_signing_out_ends_open_streams(bench, follow):
    officer = bench.officer()
    csrf = officer.csrf()
    stream = follow(officer, "/events")
    stream.next("beat")
    officer.post("/signout", {"csrf": csrf})
    assert stream.next("signed_out") == {}
    assert stream.response.read().strip() == b""


def test_kiosk_token_opens_its_page_alone(bench, follow):
    bench.lanes[1].show(referred(1))
    kiosk = bench.client()
    assert kiosk.get("/lane/1/traveller?token=wrong").status == 401
    assert kiosk.get(f"/lane/2/traveller?token={TOKENS[1]}").status == 401
    paired = kiosk.get(f"/lane/1/traveller?token={TOKENS[1]}")
    assert (paired.status, paired.headers["location"]) == (303, "/lane/1/traveller")
    cookie = paired.headers["set-cookie"]
    assert "Path=/lane/1/traveller" in cookie
    assert "HttpOnly" in cookie
    assert TOKENS[1] not in cookie
    assert "Mohon tunggu petugas" in kiosk.get("/lane/1/traveller").text
    stream = follow(kiosk, "/lane/1/traveller/events")
    shown = stream.until("display", scene="officer")
    assert set(shown) == {*("scene", "text", "languages", "hint", "guidance", "progress", "demo")}
    for path, status in PRIVATE:
        if not path.startswith("/lane/1/traveller"):
            assert kiosk.get(path).status == status
    assert kiosk.get("/lane/2/traveller").status == 303
    assert kiosk.get("/lane/2/traveller/events").status == 401
    kiosk.cookies["egate_kiosk_2"] = kiosk.cookies["egate_kiosk_1"]
    assert kiosk.get("/lane/2/traveller").status == 303
    assert kiosk.get("/lane/2/traveller/events").status == 401


ATTACK = FaceView(score=0.6137, threshold=0.42, pad="attack", pad_score=0.0371, faces=1)
ORDINARY = FaceView(score=0.2119, threshold=0.42, pad="bona_fide", pad_score=0.9628, faces=1)


def referral(face: FaceView, reason: str) -> list[View]:
    """A lane from the camera through a referral and the way back to its next traveller."""
    at_officer = msgspec.structs.replace(referred(1, reasons=(reason,)), face=face)
    verifying = msgspec.structs.replace(at_officer, step=Step.VERIFYING, reasons=())
    last = LastResult(ticket=7, outcome="refused", reasons=(reason,))
    leaving = msgspec.structs.replace(at_officer, step=Step.LEAVING, last=last)
    return [verifying, at_officer, leaving, msgspec.structs.replace(waiting(1), last=last)]


def heard_at_the_display(bench, views: list[View]) -> bytes:
    """Every byte that a display gets while its lane goes through these views, beats apart."""
    bench.lanes[1].show(waiting(1))
    kiosk = bench.client()
    kiosk.get(f"/lane/1/traveller?token={TOKENS[1]}")
    officer = Stream(bench.officer(), "/events?lane=1")
    display = Stream(kiosk, "/lane/1/traveller/events")
    heard = []
    try:
        shown = display.until("display", scene="document")["scene"]
        for view in views:
            bench.lanes[1].show(view)
            officer.until("lane", step=view.step.value)  # the console has it
            scene = traveller_view(view).scene
            while shown != scene:
                data = display.next("display")
                heard.append(msgspec.json.encode(data))
                shown = data["scene"]
            heard.append(kiosk.get("/lane/1/traveller").body)
    finally:
        officer.close()
        display.close()
    return b"".join(heard)


def test_an_attack_is_shown_to_officers_alone(bench, follow):
    views = referral(ATTACK, "pad_attack")
    attacked = heard_at_the_display(bench, views)
    assert attacked.count(b'"scene":"officer"') == 1
    assert attacked.count(b'"scene":') == 3
    for trace in (b'"pad', b"pad_", b"attack", b"0.0371", b"0.04", b"0.6137", b"score", b"reason"):
        assert trace not in attacked.lower(), trace
    bench.lanes[1].show(views[1])
    officer = bench.officer()
    board = follow(officer, "/events?lane=1").until("lane", step="referred")
    assert "pad_attack" in msgspec.json.encode(board).decode()
    assert "(0.04)" in board["pad_text"]


@pytest.mark.parametrize("reason", ["face_no_match", "list_hit", "expiry"])
def test_an_attack_looks_like_any_referral(bench, reason):
    attacked = heard_at_the_display(bench, referral(ATTACK, "pad_attack"))
    assert attacked == heard_at_the_display(bench, referral(ORDINARY, reason))


def test_a_lane_that_goes_away_is_shown_and_comes_back(bench, follow):
    officer = bench.officer()
    stream = follow(officer, "/events?lane=2")
    stream.until("lane", away=False)
    bench.lanes[2].close()
    away = stream.until("lane", away=True)
    assert away["alarms"][0]["text"] == "The lane does not answer"
    answer = officer.act(2, action="open_lane")
    assert answer.status == 409
    assert "Nothing was done" in answer.text
    bench.lanes[2] = FakeLane(bench.lanes[2].path, 2)
    bench.lanes[2].show(msgspec.structs.replace(waiting(2), step=Step.READING, ticket=1))
    assert stream.until("lane", step="reading")["tone"] == "busy"


def test_health_counts_lanes(bench, follow):
    follow(bench.officer(), "/events").until("lane", lane=1, away=False)
    answer = msgspec.json.decode(bench.client().get("/healthz").body)
    assert answer["lanes"] == 2
    assert 1 <= answer["connected"] <= 2


def test_streams_are_bounded(bench, follow):
    officer = bench.officer()
    opened = [follow(officer, "/events") for _ in range(64)]
    assert officer.get("/events").status == 503
    opened[0].close()
    opened[1].next("beat")
    assert officer.get("/").status == 200


def test_rate_limit_table_is_bounded():
    limit = RateLimit(1, 60)
    for number in range(MAX_KEYS + 1):
        limit.failed(str(number), number)
    assert limit.allows("0", MAX_KEYS)
    assert not limit.allows("1", MAX_KEYS)
    assert limit.allows("1", 61_000_000_000)


@pytest.mark.parametrize(
    ("zone", "hours"), [("Pacific/Kiritimati", 14), ("Asia/Kolkata", 5.5), ("Pacific/Niue", -11)]
)
def test_a_lanes_page_shows_the_time_at_the_gate_with_its_zone(bench, zone, hours):
    bench.lanes[1].show(msgspec.structs.replace(referred(1), time_zone=zone))
    offset = timedelta(hours=hours)
    before = datetime.now(UTC) + offset
    page = bench.officer().get("/lane/1").text
    shown = {f"{at:%Y-%m-%d %H:%M} {zone}" for at in (before, datetime.now(UTC) + offset)}
    assert any(f">{each}</time>" in page for each in shown)
    assert f'data-zone="{zone}"' in page
