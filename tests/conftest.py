"""What tests of several packages need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from selenium import webdriver

# A shared machine is noisy: how long an example takes says nothing about the code.
settings.register_profile("egate", deadline=None)
settings.load_profile("egate")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1400,1000",
)


@pytest.fixture
def chromium(tmp_path):
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        message = "needs Debian's packages chromium and chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'chromium'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    chromium = webdriver.Chrome(options=options, service=service)
    yield chromium
    chromium.quit()


def shared_data(*parts: str) -> Path:
    """A path under `shared/data` beside the project; the test is skipped where it is absent."""
    for parent in Path(__file__).parents:
        path = parent.joinpath("shared", "data", *parts)
        if path.exists():
            return path
    pytest.skip(f"../shared/data/{'/'.join(parts)} is absent")


@pytest.fixture(scope="session")
def shared() -> Callable[..., Path]:
    return shared_data


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the packaged tier of face models."""
    from biometrics.models import store

    folder = tmp_path_factory.mktemp("packaged")
    store.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def recommended(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with both tiers of face models."""
    from biometrics.models import store

    models = shared_data("models")
    folder = tmp_path_factory.mktemp("both") / "models"
    shutil.copytree(packaged, folder)
    store.add(models, folder)
    return folder
