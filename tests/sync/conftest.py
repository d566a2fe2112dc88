"""Servers that tests of the record share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PostgresServer, require


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    require()
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a central system's store may be: both kinds."""
    if request.param == "sqlite":
        return tmp_path / "centre.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()
