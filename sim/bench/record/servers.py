"""Servers for measurements and tests: PostgreSQL and mosquitto of our own.

Each lives in a temporary folder, listens on a Unix socket or the loopback interface alone,
runs as an ordinary account, and ends with the block. Both keep what they promise: PostgreSQL
with its usual `fsync`.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from sync.log.errors import LinkDown, StorageUnavailable

ACCOUNTS = ("postgres", "nobody")
START_TRIES = 200
RETRY_S = 0.05
STOP_S = 10.0


def postgres_programs() -> Path | None:
    """Where Debian keeps the newest PostgreSQL's programs; None without them or psycopg."""
    if importlib.util.find_spec("psycopg") is None:
        return None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return found[0].parent if found else None


def mosquitto_program() -> str | None:
    """Where the broker is; Debian keeps it out of an ordinary account's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def _scratch(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed at the latest when this process ends, however far it came."""
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


class PostgresCluster:
    """The files of one cluster, and what serves them.

    Attributes:
        argv: the server's command line; a signal to it reaches the server.
        address: of its one database, on a Unix socket.
    """

    def __init__(self) -> None:
        """Make the cluster.

        Raises:
            StorageUnavailable: PostgreSQL is not installed.
            subprocess.CalledProcessError, OSError: it cannot be made.
        """
        programs = postgres_programs()
        if programs is None:
            raise StorageUnavailable("PostgreSQL is not installed: apt-get install postgresql")
        self._programs = programs
        self._scratch = _scratch("egate-pg-")
        self._folder = Path(self._scratch.name)
        self.data = self._folder / "data"
        self._as: list[str] = []
        if os.geteuid() == 0:  # the server refuses to be root
            account = next(name for name in ACCOUNTS if _exists(name))
            shutil.chown(self._folder, account)
            # Not runuser, which stays between us and the server.
            # A change of user clears what ends a child with its parent: it is set again.
            self._as = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups"]
            self._as.append("--pdeathsig=INT")
        options = ("-A", "trust", "-U", "egate", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", str(self.data), *options)
        server = [str(programs / "postgres"), "-D", str(self.data), "-k", str(self._folder)]
        self.argv = [*self._as, *server, "-c", "listen_addresses="]
        self.address = f"postgresql:///postgres?host={self._folder}&user=egate"

    def remove(self) -> None:
        """Remove the files; the server is down."""
        self._scratch.cleanup()

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs."""
        subprocess.run(  # noqa: S603 (Debian's own program)
            [*self._as, str(self._programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )


class PrivatePostgres(PostgresCluster):
    """A cluster that is served; `database()` gives the address of an empty schema in it."""

    def __enter__(self) -> PrivatePostgres:
        self._names = itertools.count(1)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.remove()

    @property
    def pid(self) -> int:
        """The server's first process."""
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def start(self) -> None:
        """Start the server; return when it answers."""
        options = f"-k {self._folder} -c listen_addresses='' -c log_min_messages=fatal"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-o", options, "-l", log, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server, by default as a crash would."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def database(self) -> str:
        """Make an empty schema; give its address."""
        from sync.centre.postgres import PostgresTables

        name = f"t{next(self._names)}"
        tables = PostgresTables(self.address)
        try:
            tables.run(f"CREATE SCHEMA {name}")
        finally:
            tables.close()
        return f"{self.address}&options=-csearch_path%3D{name}"


class PrivateMosquitto:
    """A broker on a free port of the loopback interface."""

    def __init__(self) -> None:
        """Begin without one.

        Raises:
            LinkDown: it is not installed.
        """
        program = mosquitto_program()
        if program is None:
            raise LinkDown("no broker: apt-get install mosquitto")
        self._program = program
        self._scratch = _scratch("egate-broker-")
        self._folder = Path(self._scratch.name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def __enter__(self) -> PrivateMosquitto:
        config = self._folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n"
        )
        self._child = subprocess.Popen(  # noqa: S603 (Debian's own program)
            [self._program, "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(START_TRIES):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            try:
                self._child.wait(RETRY_S)
            except subprocess.TimeoutExpired:
                continue
            break
        self._stop()
        raise LinkDown("mosquitto does not start")

    @property
    def pid(self) -> int:
        """The broker's process."""
        return self._child.pid

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._child.terminate()
        self._child.wait(STOP_S)
        self._scratch.cleanup()


def cpu_ns(pid: int) -> int:
    """Time that a process and those it started have spent on processors (Linux), so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    ticks = sum(map(int, fields[11:15]))  # proc(5): utime, stime, and those of ended children
    own = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_ns(int(child)) for child in children)


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
