"""A PostgreSQL server of our own: an ordinary account, a Unix socket, a temporary folder."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import psycopg
import pytest

ACCOUNTS = ("postgres", "nobody")


def programs() -> Path | None:
    """Where Debian keeps `initdb` and `pg_ctl`, the newest first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return found[0] if found else None


def require() -> None:
    """Skip, or fail under CI=true, where the server is not installed."""
    if programs() is None:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


class PostgresServer:
    """A cluster that lives as long as the block; `database()` gives a fresh schema in it."""

    def __init__(self) -> None:
        bin_dir = programs()
        assert bin_dir is not None
        self._bin = bin_dir
        self._folder = Path(tempfile.mkdtemp(prefix="egate-pg-"))
        self._names = itertools.count(1)

    def __enter__(self) -> PostgresServer:
        self._as: list[str] = []
        if os.geteuid() == 0:
            account = next(name for name in ACCOUNTS if _exists(name))
            shutil.chown(self._folder, account)
            self._as = ["runuser", "-u", account, "--"]
        options = ("-A", "trust", "-U", "egate", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", str(self._folder / "data"), *options)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c log_min_messages=fatal"
        log = str(self._folder / "log")
        self._run(
            "pg_ctl", "-D", str(self._folder / "data"), "-o", options, "-l", log, "-w", "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", mode, "-w", "stop")

    def database(self) -> str:
        """The address of an empty schema."""
        name = f"t{next(self._names)}"
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.address}&options=-csearch_path%3D{name}"

    @property
    def address(self) -> str:
        return f"postgresql:///postgres?host={self._folder}&user=egate"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as, str(self._bin / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )


def _exists(account: str) -> bool:
    return subprocess.run(["id", account], capture_output=True, check=False).returncode == 0
