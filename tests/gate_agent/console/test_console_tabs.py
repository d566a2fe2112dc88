"""Many tabs in one browser, and a lane that is stopped behind a console that lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from console_bench import TOKENS, ConsoleBench
from fake_lane import referred
from selenium.webdriver.common.by import By
from test_console_browser import complaints, sign_in, text, wait

from gate_agent.console.client import AWAY, NOT_ANSWERED, Waits

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
TABS = ("/", "/lane/1", "/lane/2", "/lane/1", "/", "/lane/2", "/lane/1", "/", "/lane/1")


@pytest.fixture
def third(tmp_path):
    """A bench whose lane 3 is a process of its own: the bench and the process."""
    socket = tmp_path / "3.sock"
    path = os.pathsep.join([str(HERE.parents[2]), str(HERE)])
    process = subprocess.Popen(
        [sys.executable, str(HERE / "lane_process.py"), str(socket)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdout.readline() == "ready\n"
    bench = ConsoleBench(tmp_path, third=socket)
    yield bench, process
    bench.close()
    process.send_signal(signal.SIGCONT)
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()


def open_tabs(chromium, bench, paths):
    for path in paths:
        chromium.switch_to.new_window("tab")
        chromium.get(f"http://{bench.host}{path}")


def decide(chromium, reason="1"):
    """Choose a reason and accept, as soon as the page lets one."""
    accept = chromium.find_element(By.CSS_SELECTOR, "button.accept")
    wait(chromium, accept.is_enabled)
    chromium.find_element(By.TAG_NAME, "body").send_keys(reason)

    def sent():
        if not text(chromium, "#outcome"):
            accept.click()
        return text(chromium, "#outcome")

    wait(chromium, sent)


def test_any_number_of_tabs_leaves_room_for_presence_and_decisions(bench, chromium):
    sign_in(chromium, bench)
    bench.lanes[1].show(referred(1))
    open_tabs(chromium, bench, TABS)
    for number in (1, 2):
        chromium.switch_to.new_window("tab")
        chromium.get(f"http://{bench.host}/lane/{number}/traveller?token={TOKENS[number]}")
    for tab, path in zip(chromium.window_handles[1:], TABS, strict=False):
        chromium.switch_to.window(tab)
        assert chromium.current_url.endswith(path)
        wait(chromium, lambda: text(chromium, "#link") == "Connected")
        wait(chromium, lambda: text(chromium, ".queue strong") == "Lane 1")
        assert chromium.title.startswith("(1) ")
    seen = len(bench.lanes[2].leases)
    assert bench.lanes[2].wait_for(bench.lanes[2].leases, seen + 20)
    chromium.switch_to.window(chromium.window_handles[2])
    decide(chromium)
    wait(chromium, lambda: "Accepted" in text(chromium, "#outcome"))
    assert [action.action for action in bench.lanes[1].actions] == ["accept"]
    assert complaints(chromium) == []


def test_a_decision_that_is_given_twice_in_a_hurry_is_sent_once(bench, chromium):
    sign_in(chromium, bench)
    bench.lanes[1].show(referred(1))
    chromium.get(f"http://{bench.host}/lane/1")
    wait(chromium, lambda: text(chromium, "#link") == "Connected")
    chromium.find_element(By.TAG_NAME, "body").send_keys("1aaaaaaaaaa")
    wait(chromium, lambda: "Accepted" in text(chromium, "#outcome"))
    wait(chromium, lambda: text(chromium, ".head h1").endswith("Traveller is crossing"))
    assert "Accepted" in text(chromium, "#outcome")
    assert len(bench.lanes[1].actions) == 1
    assert complaints(chromium) == []


def test_a_stopped_lane_is_known_within_three_seconds():
    waits = Waits()
    asked_every_s = 0.3  # `follow.js`
    assert waits.beat_pause_s + waits.beat_answer_s + asked_every_s < 3


def test_a_stopped_lane_is_said_and_its_decision_can_be_given_again(third, chromium):
    bench, lane = third
    sign_in(chromium, bench)
    chromium.get(f"http://{bench.host}/lane/3")
    wait(chromium, lambda: text(chromium, "#link") == "Connected")
    accept = chromium.find_element(By.CSS_SELECTOR, "button.accept")
    wait(chromium, accept.is_enabled)

    chromium.find_element(By.TAG_NAME, "body").send_keys("1")
    wait(chromium, lambda: chromium.execute_script("return performance.now() > 3000"))
    lane.send_signal(signal.SIGSTOP)
    accept.click()
    wait(chromium, lambda: text(chromium, "#link") == "Lane 3 does not answer")
    wait(chromium, lambda: text(chromium, "#outcome") in (NOT_ANSWERED, AWAY))
    chromium.switch_to.new_window("tab")
    chromium.get(f"http://{bench.host}/")
    wait(chromium, lambda: text(chromium, "#link") == "Lane 3 does not answer")
    chromium.get(f"http://{bench.host}/lane/1")
    wait(chromium, lambda: text(chromium, "#link") == "Connected")
    chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])

    lane.send_signal(signal.SIGCONT)
    wait(chromium, lambda: text(chromium, "#link") == "Connected")
    wait(chromium, accept.is_enabled)
    assert text(chromium, "#outcome") in (NOT_ANSWERED, AWAY)
    body = chromium.find_element(By.TAG_NAME, "body")

    def accepted():
        body.send_keys("1")
        body.send_keys("a")
        return "Accepted" in text(chromium, "#outcome")

    wait(chromium, accepted)
    lane.stdin.close()
    assert lane.stdout.read().split("\n") == ["accept 7", ""]
