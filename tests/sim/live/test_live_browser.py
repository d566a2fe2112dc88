"""A whole demo, and an officer before Debian's headless Chromium who lets a traveller pass."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from demo_run import EXPIRED, OTHER_PERSON, DemoRun, assert_never_opened_unasked, scenario
from lane_watch import at
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By

from gate_agent.lane_api.api import Step
from sim.live.setup import free_port
from sync.log.types import RecordKind

pytestmark = [pytest.mark.live, pytest.mark.browser]

CROSSING_S = 40.0
PAGE_S = 15.0
LOADED = "return [...arguments].every(i => i.complete && i.naturalWidth > 0 && !i.hidden)"


@pytest.fixture
def run(tmp_path):
    # Left alone the demo's own officer would turn both away, later.
    people = [[EXPIRED, OTHER_PERSON]]
    cast = scenario(tmp_path / "cast.toml", people, '{ action = "reject", reason = "identity" }')
    with DemoRun(1, "--cast", cast, "--port", str(free_port())) as run:
        yield run.open()


class Page:
    """The browser, with waits that keep following the demo."""

    def __init__(self, chromium, run) -> None:
        self._chromium, self._run = chromium, run
        self.at = run.line(r"console +(http://127\.0\.0\.1:\d+)")[1]

    def go(self, path):
        self._chromium.get(self.at + path)

    def text(self, selector):
        return self._chromium.find_element(By.CSS_SELECTOR, selector).text

    def press(self, key):
        self._chromium.find_element(By.TAG_NAME, "body").send_keys(key)

    def until(self, condition, what, within_s=PAGE_S):
        def holds():
            try:
                return condition()
            except WebDriverException:
                return False

        return self._run.until(holds, what, within_s)

    def sign_in(self):
        name, password = self._run.line(
            r"sign in as (\S+) with the one-time password (\S+)"
        ).groups()
        self.go("/")
        assert self._chromium.current_url.endswith("/signin")
        self._chromium.find_element(By.NAME, "name").send_keys(name)
        self._chromium.find_element(By.NAME, "password").send_keys(password + "\n")
        self.until(lambda: self.text("h1") == "Bank of lanes", "the bank of lanes")


def status_and_body(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.url, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, address, error.read().decode()


def test_an_officer_signs_in_and_lets_a_referred_traveller_pass(run, chromium):
    page, lane = Page(chromium, run), run.lanes[1]
    page.sign_in()
    run.until(lambda: at(lane, Step.REFERRED), "the first referral", CROSSING_S)
    lane.act("reject", "document")
    run.until(lambda: at(lane, Step.WAITING), "the next traveller", CROSSING_S)
    steps: set[str] = set()

    def referral_shown():
        steps.add(page.text(".lane[data-lane='1'] .step"))
        return page.text(".queue strong") == "Lane 1"

    page.until(referral_shown, "a referral in the queue", CROSSING_S)
    assert len(steps) >= 3, steps
    page.press("n")
    page.until(lambda: chromium.current_url.endswith("/lane/1"), "the lane's page")
    page.until(lambda: "A" in page.text(".who .pairs"), "the holder")
    pictures = [chromium.find_element(By.ID, kind) for kind in ("live", "chip")]
    page.until(lambda: chromium.execute_script(LOADED, *pictures), "both portraits")
    run.until(lambda: at(lane, Step.REFERRED), "the lane itself to say so", CROSSING_S)
    ticket = lane.view.ticket

    def accepted():
        page.press("1")
        page.press("a")
        return "Accepted" in page.text("#outcome")

    page.until(accepted, "the accept")
    page.until(lambda: at(lane, Step.CROSSING), "the traveller crossing")
    page.until(lambda: lane.view.last and lane.view.last.ticket == ticket, "the end", CROSSING_S)
    severe = [e["message"] for e in chromium.get_log("browser") if e["level"] == "SEVERE"]
    assert [message for message in severe if "/picture/" not in message] == []
    assert run.interrupt() == 0

    records = [record for record in run.journal(1) if record.ticket == ticket]
    kinds = [record.kind for record in records]
    assert kinds == [RecordKind.DECISION, RecordKind.OFFICER, RecordKind.ACTUATION, *kinds[3:]]
    decision, officer, opening = records[:3]
    assert (decision.facts["outcome"], decision.facts["reasons"]) == ("refer", ["face_no_match"])
    assert (officer.facts["action"], officer.facts["officer"]) == ("accept", "officer")
    assert opening.facts["action"] == "open_exit"
    assert records[-1].kind is RecordKind.FINISH
    assert (records[-1].facts["outcome"], records[-1].facts["passages"]) == ("accepted", 1)
    assert_never_opened_unasked(run, 1)
    assert run.tracebacks() == []


def test_without_signing_in_there_is_nothing_and_a_display_sees_its_page_alone(run, chromium):
    page, lane = Page(chromium, run), run.lanes[1]
    run.until(lambda: at(lane, Step.REFERRED) and lane.view.holder, "a referral", CROSSING_S)
    surname, ticket = lane.view.holder.surname, lane.view.ticket
    assert surname
    for path in ("/", "/lane/1", f"/lane/1/picture/live?ticket={ticket}", "/lane/1/traveller"):
        status, url, body = status_and_body(page.at + path)
        assert status in (401, 403) or url.endswith("/signin"), (path, status)
        assert surname not in body
    token = run.line(r"traveller +lane 1: \S+(/lane/1/traveller\?token=\w+)")[1]
    page.go(token)
    assert chromium.current_url == f"{page.at}/lane/1/traveller"
    page.until(lambda: page.text("[data-sentence='en']").startswith("Please wait"), "its sentence")
    assert surname not in chromium.page_source
    for path in ("/", "/lane/1"):
        page.go(path)
        assert chromium.current_url.endswith("/signin")
    kiosk = json.dumps(chromium.get_cookies())
    page.go(f"/lane/1/picture/live?ticket={ticket}")
    assert kiosk
    assert surname not in chromium.page_source
    assert not chromium.find_elements(By.CSS_SELECTOR, "img")
