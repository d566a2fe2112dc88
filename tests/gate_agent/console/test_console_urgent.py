"""In Chromium: fire is said first and on every page, and an unopened chip is one reason."""

from __future__ import annotations

import msgspec
import pytest
from fake_lane import HOLDER, referred, waiting
from selenium.webdriver.common.by import By
from test_console_browser import complaints, sign_in, text, wait
from test_first_causes import unopened

from drivers.types import CHECK_IDS

pytestmark = pytest.mark.browser


def test_fire_is_first_in_the_list_announced_and_on_every_page(bench, chromium):
    sign_in(chromium, bench)
    bench.lanes[1].show(referred(1))
    wait(chromium, lambda: chromium.title == "(1) Lanes - egate")
    assert not chromium.find_element(By.ID, "evacuation").is_displayed()
    bench.lanes[2].show(msgspec.structs.replace(waiting(2), fire=True, mode="evacuation"))
    wait(chromium, lambda: text(chromium, "#evacuation").startswith("FIRE or EVACUATION"))
    wait(chromium, lambda: chromium.title == "(2) Lanes - egate")
    labels = [row.text for row in chromium.find_elements(By.CSS_SELECTOR, ".queue strong")]
    assert labels == ["Lane 2", "Lane 1"]
    said = chromium.find_element(By.ID, "announcement")
    assert said.get_attribute("textContent").startswith("Lane 2: Evacuation")
    assert said.get_attribute("aria-live") == "assertive"
    chromium.get(f"http://{bench.host}/lane/1")
    assert text(chromium, "#evacuation").startswith("FIRE or EVACUATION at lane 2")
    assert chromium.title == "(2) Lane 1 - egate"
    bench.lanes[2].show(waiting(2))
    wait(chromium, lambda: not chromium.find_element(By.ID, "evacuation").is_displayed())
    assert complaints(chromium) == []


def test_an_unopened_chip_is_one_reason_with_the_rest_under_it(bench, chromium):
    sign_in(chromium, bench)
    chromium.get(f"http://{bench.host}/lane/1")
    bench.lanes[1].show(unopened())
    reasons = ".decide .alerts[data-list='reasons'] > .alert"
    wait(chromium, lambda: len(chromium.find_elements(By.CSS_SELECTOR, reasons)) == 1)
    wait(chromium, lambda: "The chip was not opened" in text(chromium, reasons))
    followed = chromium.find_elements(By.CSS_SELECTOR, f"{reasons} .followed li")
    assert len(followed) == len(CHECK_IDS) - 3
    assert not followed[0].is_displayed()
    chromium.find_element(By.CSS_SELECTOR, f"{reasons} summary").click()
    wait(chromium, followed[0].is_displayed)
    wait(chromium, lambda: text(chromium, ".score").endswith("the chip was not opened"))
    assert HOLDER.surname in text(chromium, ".who .pairs")
    assert complaints(chromium) == []
