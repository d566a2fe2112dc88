"""The central system's page: what it shows, to whom, and that it looks right at two widths."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from console_bench import PASSWORD, PASSWORD_HASH, Client
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from gate_agent.centre_page.server import CentrePage, PageConfig
from gate_agent.console.officers import Officer
from sync.centre.overview import CentreAlarm, GateRow, Overview, metrics_text
from sync.log.errors import StorageFailed

NOW = "2026-01-01T12:00:00.000Z"
TOKEN = b"scraper-of-the-bench-0123456789ab"


def wait(chromium, condition) -> None:
    """Until a page that is on its way has come."""
    WebDriverWait(chromium, 15, poll_frequency=0.1, ignored_exceptions=[WebDriverException]).until(
        lambda _: condition()
    )


def gate(n: int, state: str = "well", lag: int = 0) -> GateRow:
    return GateRow(f"gate-{n:03}", state, 1000 + n, lag, 5, NOW, 0)


SEEN = Overview(
    NOW,
    [*(gate(n) for n in range(250)), gate(900, "silent", 17)],
    [
        CentreAlarm("<b>gate</b>", "bytes that are no batch", NOW, 3),
        CentreAlarm("gate-900", "silent", NOW, 1),
    ],
    {"gate-900": "Asia/Kathmandu"},
)


class PageBench:
    """The page on a real socket."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.broken = False
        page = CentrePage(
            PageConfig(
                look=self.look,
                officers=(Officer(name="budi", password_hash=PASSWORD_HASH),),
                allowed_hosts=(f"127.0.0.1:{self.port}",),
                monotonic_ns=time.monotonic_ns,
                utc_ms=lambda: 59_000,
                random=os.urandom,
                metrics_token=TOKEN,
                secure_cookies=False,
            )
        )
        config = uvicorn.Config(
            page.app(), port=self.port, ws="none", lifespan="off", log_config=None
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def look(self) -> Overview:
        if self.broken:
            raise StorageFailed("PostgreSQL: AdminShutdown (57P01)")
        return SEEN

    def __enter__(self) -> PageBench:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def bench() -> Iterator[PageBench]:
    with PageBench() as started:
        yield started


def test_nothing_is_shown_to_strangers(bench: PageBench) -> None:
    client = Client(bench.port)
    assert client.get("/").status == 303
    assert client.get("/metrics").status == 401
    assert client.get("/metrics", Authorization="Bearer wrong").status == 401
    assert client.get("/", Host="elsewhere").status == 421
    assert client.post("/signin", {"name": "budi", "password": PASSWORD}).status == 403
    assert client.sign_in(password="a wrong long password").status == 401
    assert client.sign_in(name="unknown").status == 401
    assert client.get("/").status == 303
    assert client.post("/signout", {"csrf": "x"}).status == 403
    for _ in range(6):
        last = client.sign_in(password="a wrong long password")
    assert last.status == 429


def test_an_operator_sees_trouble_first(bench: PageBench) -> None:
    client = Client(bench.port)
    assert client.sign_in().status == 303
    page = client.get("/")
    assert page.status == 200
    assert "script" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"
    assert page.text.index("gate-900") < page.text.index("gate-000")
    assert "&lt;b&gt;gate&lt;/b&gt;" in page.text
    assert "<b>gate" not in page.text
    assert "gate-249" not in page.text
    assert ">2026-01-01 17:45:00 Asia/Kathmandu</time>" in page.text  # where the gate stands
    assert f"<td>{NOW}</td>" in page.text  # of a gate whose records name no zone
    assert "gate-249" in client.get("/?from=200").text
    assert client.get("/?from=nonsense").status == 200
    bench.broken = True
    trouble = client.get("/")
    assert (trouble.status, "AdminShutdown" in trouble.text) == (503, True)
    token = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    assert client.post("/signout", {"csrf": token}).status == 303
    assert client.get("/").status == 303


def test_metrics_for_a_scraper(bench: PageBench) -> None:
    client = Client(bench.port)
    answer = client.get("/metrics", Authorization=f"Bearer {TOKEN.decode()}")
    assert answer.status == 200
    assert answer.text == metrics_text(SEEN)
    lines = answer.text.splitlines()
    assert 'egate_centre_lag_records{gate="gate-900"} 17' in lines
    assert 'egate_centre_gates{state="silent"} 1' in lines
    samples = [line for line in lines if not line.startswith("#")]
    assert all(line.rpartition(" ")[2].isdecimal() for line in samples)


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_needs_no_mouse(bench: PageBench, chromium, width: int, tmp_path) -> None:
    chromium.set_window_size(width, 800)
    chromium.get(f"http://127.0.0.1:{bench.port}/")
    wait(chromium, lambda: chromium.switch_to.active_element.get_attribute("id") == "name")
    chromium.switch_to.active_element.send_keys("budi", Keys.TAB)
    chromium.switch_to.active_element.send_keys(PASSWORD, Keys.ENTER)
    wait(chromium, lambda: chromium.find_element(By.CSS_SELECTOR, "h2").text == "Alarms (2)")
    inside = chromium.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert inside
    for target in chromium.find_elements(By.CSS_SELECTOR, "button, a"):
        assert target.size["height"] >= 24
    severe = [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    if shots := os.environ.get("EGATE_SHOTS"):
        chromium.save_screenshot(f"{shots}/centre-{width}.png")
    chromium.find_element(By.CSS_SELECTOR, "header button").send_keys(Keys.ENTER)
    wait(chromium, lambda: chromium.current_url.endswith("/signin"))
