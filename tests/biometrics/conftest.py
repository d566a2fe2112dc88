"""Where development data and installed models are, for tests of the face."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from biometrics.models import store

settings.register_profile("no_wall_time", deadline=None)  # a shared machine has its moods
settings.load_profile("no_wall_time")


def shared_data(*parts: str) -> Path:
    """A path under `shared/data` beside the project; the test is skipped where it is absent."""
    for parent in Path(__file__).parents:
        path = parent.joinpath("shared", "data", *parts)
        if path.exists():
            return path
    pytest.skip(f"../shared/data/{'/'.join(parts)} is absent")


@pytest.fixture(scope="session")
def shared() -> object:
    return shared_data


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the packaged tier."""
    folder = tmp_path_factory.mktemp("packaged")
    store.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def recommended(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with both tiers."""
    models = shared_data("models")
    folder = tmp_path_factory.mktemp("both") / "models"
    shutil.copytree(packaged, folder)
    store.add(models, folder)
    return folder
