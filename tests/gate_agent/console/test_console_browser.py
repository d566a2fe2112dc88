"""The console in Debian's headless Chromium: what an officer and a traveller see and do."""

from __future__ import annotations

import msgspec
import pytest
from console_bench import PASSWORD, TOKENS
from fake_lane import HOLDER, mantrap, referred, waiting
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from gate_agent.console.display_language import Scene
from gate_agent.console.sentences import GUIDANCE, LANGUAGES, SCENES
from gate_agent.lane_api.api import FaceView, Step

pytestmark = pytest.mark.browser


def wait(chromium, condition):
    return WebDriverWait(
        chromium, 15, poll_frequency=0.1, ignored_exceptions=[WebDriverException]
    ).until(lambda _: condition())


def text(chromium, selector):
    return chromium.find_element(By.CSS_SELECTOR, selector).text


def sign_in(chromium, bench):
    chromium.get(f"http://{bench.host}/")
    assert chromium.current_url.endswith("/signin")
    chromium.find_element(By.NAME, "name").send_keys("budi")
    chromium.find_element(By.NAME, "password").send_keys(PASSWORD + "\n")
    wait(chromium, lambda: text(chromium, "h1") == "Bank of lanes")


def complaints(chromium):
    """What the browser had to say, of the Content Security Policy and of pictures, too."""
    return [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]


def test_an_officer_signs_in_follows_the_lanes_and_accepts_a_referral(bench, chromium):
    sign_in(chromium, bench)
    first = ".lane[data-lane='1'] .step"
    wait(chromium, lambda: text(chromium, first) == "Waiting for a traveller")
    bench.lanes[1].show(msgspec.structs.replace(waiting(1), step=Step.READING, ticket=7))
    wait(chromium, lambda: text(chromium, first) == "Reading the document")
    assert bench.lanes[1].wait_for(bench.lanes[1].leases)

    bench.lanes[1].show(referred(1))
    wait(chromium, lambda: text(chromium, ".queue strong") == "Lane 1")
    chromium.find_element(By.TAG_NAME, "body").send_keys("n")
    wait(chromium, lambda: chromium.current_url.endswith("/lane/1"))
    wait(chromium, lambda: HOLDER.surname in text(chromium, ".who .pairs"))
    wait(chromium, lambda: "failed" in text(chromium, ".checks [data-tone='red']"))

    def can_accept():
        return chromium.find_element(By.CSS_SELECTOR, "button.accept").is_enabled()

    wait(chromium, can_accept)

    body = chromium.find_element(By.TAG_NAME, "body")
    body.send_keys("a")
    assert bench.lanes[1].actions == []  # no reason was chosen
    body.send_keys("1")

    def accepted():
        chromium.find_element(By.TAG_NAME, "body").send_keys("a")
        return bench.lanes[1].actions

    wait(chromium, accepted)
    action = bench.lanes[1].actions[0]
    assert (action.action, action.ticket, action.reason) == ("accept", 7, "identity")
    assert (action.officer, action.evidence_sha256) == ("budi", "ab" * 32)
    wait(chromium, lambda: "Accepted" in text(chromium, "#outcome"))
    wait(chromium, lambda: text(chromium, ".head h1").endswith("Traveller is crossing"))
    assert not can_accept()
    assert complaints(chromium) == []


def test_an_officer_sees_two_doors_and_lets_a_traveller_out_of_the_chamber(bench, chromium):
    sign_in(chromium, bench)
    bench.lanes[1].show(mantrap(1))
    tile = ".lane[data-lane='1'] .doors"
    wait(chromium, lambda: "one person" in text(chromium, tile))
    assert "closed, locked" in text(chromium, tile)
    assert text(chromium, ".lane[data-lane='2'] .doors") == ""
    chromium.find_element(By.TAG_NAME, "body").send_keys("1")
    wait(chromium, lambda: chromium.current_url.endswith("/lane/1"))
    button = chromium.find_element(By.CSS_SELECTOR, "button[value='release']")
    assert not button.is_enabled()
    bench.lanes[1].show(msgspec.structs.replace(mantrap(1), step=Step.LEAVING))
    wait(chromium, button.is_enabled)
    chromium.find_element(By.TAG_NAME, "body").send_keys("l")
    wait(chromium, lambda: bench.lanes[1].actions)
    assert [action.action for action in bench.lanes[1].actions] == ["release"]
    wait(chromium, lambda: "goes back" in text(chromium, "#outcome"))
    assert complaints(chromium) == []
    bench.server.should_exit = True  # what is on the page is no longer so, and says it
    wait(chromium, lambda: text(chromium, "#link").startswith("Console lost"))
    assert chromium.execute_script("return document.body.classList.contains('lost')")


def test_every_hint_is_shown_in_every_language_that_is_chosen(bench, chromium):
    chromium.get(f"http://{bench.host}/lane/2/traveller?token={TOKENS[2]}")
    for guidance, hint in GUIDANCE.items():
        face = FaceView(guidance=guidance, faces=1)
        shown = msgspec.structs.replace(waiting(2), step=Step.VERIFYING, ticket=3, face=face)
        bench.lanes[2].show(shown)
        for language in LANGUAGES:
            chromium.find_element(By.CSS_SELECTOR, f"[data-choose='{language}']").click()
            wanted = hint[language].replace("\u00a0", " ")  # as a driver reads the page
            place = f"[data-hint='{language}'][data-first]"
            wait(chromium, lambda w=wanted, p=place: text(chromium, p) == w)
    assert complaints(chromium) == []
    bench.server.should_exit = True  # without the console no display lets a traveller go on
    sentence = "[data-sentence='en']"
    wait(chromium, lambda: text(chromium, sentence) == SCENES[Scene.OFFICER]["en"])


def visible_languages(chromium):
    shown = chromium.find_elements(By.CSS_SELECTOR, ".sentence:not([hidden])")
    return {part.get_attribute("lang"): part.get_attribute("dir") for part in shown}


def test_a_display_speaks_the_language_of_the_document_or_the_one_chosen(bench, chromium):
    chromium.get(f"http://{bench.host}/lane/2/traveller?token={TOKENS[2]}")
    wait(chromium, lambda: set(visible_languages(chromium)) == {"id", "en"})
    reading = msgspec.structs.replace(waiting(2), step=Step.READING, ticket=3)
    bench.lanes[2].show(msgspec.structs.replace(reading, issuing_state="EGY"))
    wait(chromium, lambda: visible_languages(chromium) == {"ar": "rtl", "en": ""})
    assert chromium.find_element(By.TAG_NAME, "html").get_attribute("lang") == "ar"
    chromium.find_element(By.CSS_SELECTOR, "[data-choose='ja']").send_keys("\n")
    wait(chromium, lambda: set(visible_languages(chromium)) == {"ja", "en"})
    bench.lanes[2].show(msgspec.structs.replace(reading, step=Step.VERIFYING, issuing_state="EGY"))
    wait(chromium, lambda: text(chromium, "[data-sentence='ja']") == "カメラを見てください。")
    bench.lanes[2].show(waiting(2))
    wait(chromium, lambda: set(visible_languages(chromium)) == {"id", "en"})
    assert complaints(chromium) == []


def test_without_signing_in_the_browser_gets_nothing(bench, chromium):
    bench.lanes[1].show(referred(1))
    for path in ("/", "/lane/1", "/lane/1/traveller"):
        chromium.get(f"http://{bench.host}{path}")
        assert chromium.current_url.endswith("/signin")
        assert HOLDER.surname not in chromium.page_source


def test_a_display_is_paired_by_its_token_and_follows_its_lane(bench, chromium):
    chromium.get(f"http://{bench.host}/lane/2/traveller?token={TOKENS[2]}")
    assert chromium.current_url == f"http://{bench.host}/lane/2/traveller"
    wait(chromium, lambda: text(chromium, "[data-sentence='id']").startswith("Letakkan paspor"))
    face = FaceView(guidance="move_left", faces=1)
    bench.lanes[2].show(
        msgspec.structs.replace(waiting(2), step=Step.VERIFYING, ticket=3, face=face)
    )
    wait(chromium, lambda: text(chromium, "[data-hint='en']") == "Move a little to the left.")
    shown = chromium.find_elements(By.CSS_SELECTOR, "[data-drawing]:not([hidden])")
    assert [drawing.get_attribute("data-drawing") for drawing in shown] == ["camera"]
    bench.lanes[2].show(referred(2, reasons=("pad_attack", "list_hit")))
    wait(chromium, lambda: text(chromium, "[data-sentence='en']").startswith("Please wait"))
    assert not chromium.find_element(By.ID, "guide").is_displayed()
    assert HOLDER.surname not in chromium.page_source
    assert complaints(chromium) == []
    for path in ("/", "/lane/2", "/lane/1/traveller"):
        chromium.get(f"http://{bench.host}{path}")
        assert chromium.current_url.endswith("/signin")
