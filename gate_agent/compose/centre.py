"""The central system's process: one collector on one broker."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gate_agent import live
from sync.centre.run import BrokerAccess, CentreService, run_centre
from sync.centre.store import CentreStore
from sync.errors import EnrolmentRefused, KeyRefused, LinkStolen, StorageError
from sync.keys import read_centre_keys, read_public_key


def run(
    state_dir: Path, broker: tuple[str, int], gates: dict[str, Path], *, accept_demo: bool
) -> int:
    """Collect until told to stop.

    Args:
        state_dir: the database, `centre.key`, which signs receipts, and `centre.seal.key`, which
            opens what gates encrypt.
        broker: host and port.
        gates: public key files of gates to enrol, by the gate's name.
        accept_demo: whether a key marked as demo material may sign.

    Returns 78 for bad keys, 1 when the database or the broker's name cannot be used.
    """
    stop = live.stop_on_sigterm()
    try:
        keys = read_centre_keys(state_dir, accept_demo=accept_demo)
        known = {gate: read_public_key(path) for gate, path in gates.items()}
    except KeyRefused as error:
        sys.stderr.write(f"egate centre: {error.diagnosis}\n")
        return os.EX_CONFIG
    try:
        store = CentreStore(state_dir / "centre.db")
        try:
            for gate, public in known.items():
                store.enrol(gate, public, live.utc_text())
            service = CentreService(
                store=store,
                keys=keys,
                broker=BrokerAccess(host=broker[0], port=broker[1]),
                random=live.system_random,
            )
            wake_out, wake_in = os.pipe()
            stop.on_set(lambda: os.write(wake_in, b"\0"))
            run_centre(
                service,
                clock=live.monotonic_ns,
                utc=live.utc_text,
                stop=stop.is_set,
                wake_fd=wake_out,
            )
        finally:
            store.close()
    except (StorageError, EnrolmentRefused, LinkStolen) as error:
        sys.stderr.write(f"egate centre: {error.diagnosis}\n")
        return 1
    return 0
