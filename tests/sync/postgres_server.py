"""The tests' PostgreSQL server: skipped, or under CI=true failed, where it is not installed."""

from __future__ import annotations

import os

import pytest

from sim.bench.record.servers import PrivatePostgres as PostgresServer
from sim.bench.record.servers import postgres_programs

__all__ = ["PostgresServer", "require"]


def require() -> None:
    if postgres_programs() is None:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
