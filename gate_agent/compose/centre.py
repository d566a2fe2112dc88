"""The central system's process: one collector on one broker."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from gate_agent import live
from sync.centre.run import CLIENT_ID, BrokerAccess, CentreService, Shard, run_centre
from sync.centre.store import CentreStore
from sync.log.errors import (
    EnrolmentRefused,
    KeyRefused,
    LinkStolen,
    StorageError,
    StorageUnavailable,
)
from sync.log.keys import read_centre_keys, read_public_key
from sync.log.mqtt import Tls

log = logging.getLogger("egate.centre")

MAX_ADDRESS_BYTES = 4096


def store_place(state_dir: Path) -> Path | str:
    """Where the store is: the PostgreSQL address in the file `database`, else `centre.db`.

    Raises:
        StorageUnavailable: the file cannot be read.
    """
    try:
        with (state_dir / "database").open() as file:
            return file.read(MAX_ADDRESS_BYTES).strip()
    except FileNotFoundError:
        return state_dir / "centre.db"
    except (OSError, UnicodeDecodeError) as error:
        raise StorageUnavailable("the file `database` cannot be read") from error


def run(
    state_dir: Path,
    broker: tuple[str, int],
    gates: dict[str, Path],
    *,
    tls: Tls | None,
    shard: Shard,
    accept_demo: bool,
) -> int:
    """Collect until SIGTERM.

    Args:
        state_dir: `centre.key`, which signs receipts, `centre.seal.key`, which opens what
            gates encrypt, the heads, and the database or its address.
        broker: host and port.
        gates: public key files of gates to enrol, by the gate's name.
        tls: files for a broker that wants certificates; None for a plain connection.
        shard: which gates this collector serves.
        accept_demo: whether a key marked as demo material may sign.

    Returns 78 for bad keys or certificates, 1 when the database or the broker's name cannot
    be used.
    """
    stop = live.stop_on_sigterm()
    access = BrokerAccess(host=broker[0], port=broker[1], tls=tls)
    try:
        keys = read_centre_keys(state_dir, accept_demo=accept_demo)
        known = {gate: read_public_key(path) for gate, path in gates.items()}
        with closing(CentreStore(store_place(state_dir))) as store:
            for gate, public in known.items():
                store.enrol(gate, public, live.utc_text())
            service = CentreService(
                store=store,
                keys=keys,
                broker=access,
                random=live.system_random,
                client_id=f"egate-centre-{shard.number}-{shard.of}" if shard.of > 1 else CLIENT_ID,
                shard=shard,
                heads=state_dir / "heads",
            )
            wake_out, wake_in = os.pipe()
            stop.on_set(lambda: os.write(wake_in, b"\0"))
            run_centre(
                service,
                clock=live.monotonic_ns,
                utc=live.utc_text,
                stop=stop.is_set,
                wake_fd=wake_out,
                on_wake=alarm_log(service),
            )
    except KeyRefused as error:
        sys.stderr.write(f"egate centre: {error.diagnosis}\n")
        return os.EX_CONFIG
    except (StorageError, EnrolmentRefused, LinkStolen) as error:
        sys.stderr.write(f"egate centre: {error.diagnosis}\n")
        return 1
    return 0


def alarm_log(service: CentreService) -> Callable[[], None]:
    """Return a function that logs the collector's alarm when it changes."""
    logged = ""

    def log_alarm() -> None:
        nonlocal logged
        alarm = service.status().alarm
        if alarm and alarm != logged:
            log.error("%s", alarm)
        logged = alarm

    return log_alarm
