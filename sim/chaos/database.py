"""A PostgreSQL server of a campaign's own: Debian's programs, a Unix socket, no network."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

ACCOUNTS = ("postgres", "nobody")


def postgres_programs() -> Path | None:
    """Where `initdb` and `postgres` are, the newest version first; None if they are not."""
    if importlib.util.find_spec("psycopg") is None:
        return None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((each for each in found if (each / "initdb").exists()), None)


class PostgresHome:
    """One cluster: made here, served by the command line `argv`."""

    def __init__(self, programs: Path) -> None:
        """Make the cluster.

        Raises:
            subprocess.CalledProcessError, OSError: it cannot be made.
        """
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="egate-chaos-pg-"))
        self._as: list[str] = []
        if os.geteuid() == 0:  # the server refuses to be root
            account = next(name for name in ACCOUNTS if _exists(name))
            shutil.chown(self.folder, account)
            # Not runuser, which stays between us and the server: a kill must reach the server.
            self._as = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups"]
        options = ["-A", "trust", "-U", "egate", "-E", "UTF8", "--locale=C"]
        subprocess.run(  # noqa: S603 - Debian's own program
            [*self._as, str(programs / "initdb"), "-D", str(self.folder / "data"), *options],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )

    @property
    def argv(self) -> list[str]:
        """What serves the cluster."""
        server = [str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        return [*self._as, *server, "-k", str(self.folder), "-c", "listen_addresses="]

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"postgresql:///postgres?host={self.folder}&user=egate"

    def leave(self, keep: Path | None) -> None:
        """Remove the cluster; with `keep` its files are there first, the server being down."""
        if keep is not None:
            shutil.copytree(self.folder / "data", keep)
        shutil.rmtree(self.folder, ignore_errors=True)


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
