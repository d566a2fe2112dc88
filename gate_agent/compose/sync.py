"""The sync process: MQTT, and the journal read-only. No turnstile, no readers."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from firmware_cfg.profile import Profile, SyncTls
from gate_agent import live
from gate_agent.host.secrets_on_disk import KeyUnusable, read_key
from gate_agent.host.service_manager import ServiceManager
from gate_agent.lane_api.api import HandReceipt, ReportLink, Role, View
from gate_agent.lane_api.client import LaneAway, LaneClient
from gate_agent.lane_api.metrics import lane_metrics
from sync.gate.progress import metrics
from sync.gate.run import SyncService, SyncStatus, run_sync
from sync.log.errors import KeyRefused, LinkStolen, StorageError
from sync.log.keys import read_centre_public, read_signing_key
from sync.log.mqtt import Tls

log = logging.getLogger("egate.sync")

RETRY_NS = 500_000_000
METRICS_NS = 5_000_000_000
BEAT_NS = 1_000_000_000
MAX_ALARM = 200


class AgentLine:
    """The connection to the agent's lane API; connects again and repeats its last report."""

    def __init__(self, path: Path, key: bytes, metrics_file: Path | None = None) -> None:
        self._path, self._key = path, key
        self._client: LaneClient | None = None
        self._retry_ns = 0
        self._connected, self._alarm = False, ""
        self._metrics, self._metrics_ns = metrics_file, 0
        self._beat_ns = 0
        self.service: SyncService | None = None

    def tend(self, now_ns: int) -> None:
        """Connect if need be, and read what has come."""
        if self._client is None and now_ns >= self._retry_ns:
            self._retry_ns = now_ns + RETRY_NS
            try:
                self._client = LaneClient(self._path, Role.SYNC, self._key)
            except LaneAway as away:
                log.debug("%s", away.diagnosis)
                return
            if self.service is not None:
                self.service.repeat()
        if self._client is not None:
            try:
                self._client.receive()
            except LaneAway as away:
                self._lose(away)
        if self.service is not None:
            self.report(self.service.status(now_ns), now_ns)

    def hand_receipt(self, receipt: bytes) -> None:
        """Send a receipt to the agent; while the agent is away, the publisher repeats it later."""
        self._send(HandReceipt(receipt=receipt))

    def report_link(self, connected: bool) -> None:  # noqa: FBT001 - the callback's shape
        """Report to the agent whether the broker is connected, and an alarm for the operator."""
        self._connected = connected
        self._send(ReportLink(connected=connected, alarm=self._alarm[:MAX_ALARM]))

    def report(self, status: SyncStatus, now_ns: int) -> None:
        """Report a new alarm or a heartbeat to the agent; write the metrics at intervals."""
        if status.alarm != self._alarm or now_ns >= self._beat_ns:
            self._alarm, self._beat_ns = status.alarm, now_ns + BEAT_NS
            self.report_link(self._connected)
        if now_ns >= self._metrics_ns:
            self._metrics_ns = now_ns + METRICS_NS
            if self._metrics is not None:
                view = None if self._client is None else self._client.view
                write_metrics(self._metrics, status, view)

    def _send(self, message: HandReceipt | ReportLink) -> None:
        if self._client is None:
            return
        try:
            self._client.send(message)
        except LaneAway as away:
            self._lose(away)

    def _lose(self, away: LaneAway) -> None:
        log.warning("%s", away.diagnosis)
        if self._client is not None:
            self._client.close()
            self._client = None


def run(
    profile: Profile,
    run_dir: Path,
    state_dir: Path,
    keys: Path,
    metrics_file: Path | None = None,
) -> int:
    """Run until SIGTERM; write metrics to a file at intervals, if one is named.

    Returns 78 for bad keys, and when another client has our name: two gates of one name are a
    mistake, and reconnecting would make them disconnect each other, so systemd does not start
    the process again. 1 for a journal that cannot be read.
    """
    stop = live.stop_on_sigterm()
    try:
        line = AgentLine(run_dir / "lane.sock", read_key(keys / "sync.key"), metrics_file)
        gate_key = read_signing_key(keys / "gate.key", accept_demo=profile.lane.demo)
        centre_keys = read_centre_public(keys)
        service = SyncService(
            journal=state_dir / "journal.db",
            gate=profile.lane.gate,
            key=gate_key,
            centre=centre_keys,
            limits=profile.sync,
            random=live.system_random,
            hand_receipt=line.hand_receipt,
            report_link=line.report_link,
            tls=_tls(profile.sync.tls, keys),
        )
    except (KeyUnusable, KeyRefused) as error:
        sys.stderr.write(f"egate sync: {error.diagnosis}\n")
        return os.EX_CONFIG
    line.service = service
    manager = ServiceManager(os.environ, os.getpid(), live.monotonic_ns)
    wake_out, wake_in = os.pipe()
    stop.on_set(lambda: os.write(wake_in, b"\0"))
    try:
        run_sync(
            service,
            clock=live.monotonic_ns,
            stop=manager.watched(stop.is_set),
            wake_fd=wake_out,
            on_wake=lambda: line.tend(live.monotonic_ns()),
        )
    except LinkStolen as error:
        sys.stderr.write(f"egate sync: {error.diagnosis}; stop one of the two\n")
        return os.EX_CONFIG
    except StorageError as error:
        sys.stderr.write(f"egate sync: {error.diagnosis}\n")
        return 1
    finally:
        manager.stopping()
    return 0


def write_metrics(path: Path, status: SyncStatus, view: View | None) -> None:
    """Replace the file that a collector of metrics reads; a full disk costs the figures only."""
    part = path.with_suffix(".part")
    try:
        ours = metrics(status.progress, status.oldest_wait_ns, alarm=bool(status.alarm))
        part.write_text(ours + lane_metrics(view))
        part.chmod(0o644)  # a collector is another user, and nothing here is of a person
        part.rename(path)
    except OSError as error:
        log.warning("no metrics: %s", error.strerror)


def _tls(files: SyncTls | None, keys: Path) -> Tls | None:
    """Where the files for TLS are: an absolute path stays as it is."""
    if files is None:
        return None
    return Tls(keys / files.ca, keys / files.cert, keys / files.key)
