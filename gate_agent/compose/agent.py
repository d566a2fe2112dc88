"""The control process: the loop, the turnstile, the journal, the vault, the lane API.

It holds no picture, model, certificate or broker code (an import contract), and decodes
nothing from a document but the text of the machine readable zone.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from biometrics.types import Prepare, StartVerify, StopVerify
from drivers.ports import Emission
from drivers.serial_port import SerialPort
from drivers.types import (
    Actuation,
    ActuationDone,
    CancelRead,
    Close,
    CloseEntry,
    Condition,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    OpenEntry,
    OpenExit,
    ReadDocument,
    SetDirection,
    action_of,
)
from firmware_cfg.codes import Code
from firmware_cfg.profile import Profile
from firmware_cfg.time_zone import local_time
from gate_agent import live
from gate_agent.compose.agent_lane import AgentLane
from gate_agent.compose.folders import unfit
from gate_agent.compose.turnstile import InTime, turnstile_of
from gate_agent.core.messages import (
    Append,
    CheckLists,
    Command,
    Event,
    Tick,
    Wipe,
)
from gate_agent.core.states import initial
from gate_agent.host.secrets_on_disk import KeyUnusable, read_key
from gate_agent.host.service_manager import ServiceManager
from gate_agent.host.system_clock import VouchedClock
from gate_agent.lane_api.api import Role
from gate_agent.lane_api.requests import Reply
from gate_agent.lane_api.socket_access import access_of, let_the_group_read
from gate_agent.lists.device import ListsDevice
from gate_agent.loop import Loop, Turn
from gate_agent.loop import run as run_loop
from gate_agent.records.identity import identity, judged_on
from gate_agent.records.journal_writer import JournalWriter, Limits
from gate_agent.records.kept_passages import LATEST_RECORDS, kept_passages
from gate_agent.records.night_trim import NightTrim, cutoff, is_night
from gate_agent.records.recorder import Recorder
from gate_agent.records.vault import Vault, VaultError
from gate_agent.workers.machine_thread import run_machine
from gate_agent.workers.pictures import Pictures
from gate_agent.workers.server import WorkerServer
from sync.gate.journal import Journal
from sync.gate.reserve import Reserve
from sync.log.envelope import KEY_BYTES, Sealer
from sync.log.errors import KeyRefused, StorageError
from sync.log.keys import CentrePublic, read_centre_public

log = logging.getLogger("egate.agent")


class AgentProcess:
    """The parts of the control process, wired; `run` returns when it ends."""

    def __init__(
        self,
        profile: Profile,
        run_dir: Path,
        state_dir: Path,
        keys: Mapping[Role, bytes],
        centre: CentrePublic | None,
        sealer: Sealer | None,
        stop: live.Stop,
    ) -> None:
        self._profile = profile
        self._stop = stop
        self._manager = ServiceManager(os.environ, os.getpid(), live.monotonic_ns)
        self._vouched = VouchedClock(live.utc_now, live.monotonic_ns)
        self._vault = Vault()
        self._inbox = live.LiveInbox()
        self._lists = ListsDevice(self._inbox.put)
        self._pictures = Pictures()
        self._shown: tuple[str, str, dict[str, str]] = ("", "", {})  # handle, day, identity
        journal = _open_journal(profile, state_dir, sealer)
        self._loop = Loop(
            initial(
                profile,
                tuple(journal.unfinished_tickets()),
                next_ticket=journal.last_ticket() + 1,
                kept=kept_passages(journal.records(journal.last_seq - LATEST_RECORDS)),
            ),
            profile,
        )
        self._recorder = Recorder(state_dir / "trace", self._loop)
        self._writer = self._journal_writer(journal, state_dir, centre)
        self._workers = self._worker_server(run_dir)
        self._turnstile = turnstile_of(profile)
        self._turnstile_commands = InTime(profile.budgets.plant_stale_ms, self._too_late)
        self._lane = AgentLane(
            profile,
            run_dir / "lane.sock",
            keys,
            self._inbox.put,
            self._writer,
            self._identity,
            self._ask_picture,
        )

    def _journal_writer(
        self, journal: Journal, state_dir: Path, centre: CentrePublic | None
    ) -> JournalWriter:
        """The journal's only writer, with its reserve and the limits at which it warns."""
        limits = self._profile.sync
        key = centre and centre.verifying
        return JournalWriter(
            journal,
            key,
            self._inbox.put,
            self._identity,
            live.monotonic_ns,
            live.utc_text,
            Reserve(state_dir / "journal.reserve"),
            Limits(
                size_bytes=limits.journal_alarm_mb * 1_000_000,
                unsent_s=limits.unsent_alarm_s,
            ),
            NightTrim(self._cutoff, live.monotonic_ns, live.utc_text, limits.journal_days),
        )

    def _cutoff(self, *, at_once: bool) -> str | None:
        """Before when records may go now; a demo takes the computer's clock as it is."""
        lane, days = self._profile.lane, self._profile.sync.journal_days
        utc = live.utc_now() if lane.demo else self._vouched.now()
        if utc is None:
            return None
        now = local_time(lane.time_zone, utc)
        return cutoff(now, days) if at_once or is_night(now) else None

    def _worker_server(self, run_dir: Path) -> WorkerServer:
        """A socket for each worker, open to the user of that worker alone."""
        return WorkerServer(
            run_dir,
            self._on_worker,
            self._keep,
            self._pictures.answer,
            live.monotonic_ns,
            {
                device: access_of(f"egate-{device}", group=f"egate-{device}")
                for device in (DeviceId.READER, DeviceId.VISION)
            },
        )

    def run(self) -> None:
        """Serve until the process is to stop; the journal is closed at the end."""
        stop = self._stop
        live.favour_turns()
        if self._profile.policy.max_list_age_s is not None:
            absent = (Condition.LIST_ABSENT,)  # reported at once: it refers every traveller
            self._inbox.put(DeviceReady(device=DeviceId.LISTS, conditions=absent))
        threads = [
            live.spawn("journal", self._writer.run),
            live.spawn("workers", self._run_workers),
            live.spawn("lane-api", lambda: self._lane.server.run(stop.event)),
            live.spawn("turnstile", self._run_turnstile),
            live.spawn("stop", self._wake_at_stop),
        ]
        try:
            run_loop(
                self._loop,
                self._inbox,
                self._submit,
                self._recorder,
                stop.is_set,
                self._turned,
            )
        finally:
            self._manager.stopping()
            stop.set()
            self._writer.stop()
            self._workers.stop()
            self._lane.server.wake()
            self._turnstile_commands.wake()
            for thread in threads:
                thread.join(timeout=2.0)
            self._recorder.close()

    # --- commands of the core ---------------------------------------------------------

    def _submit(self, command: Command, at_ns: int) -> None:
        match command:
            case ReadDocument() | CancelRead():
                self._workers.command(DeviceId.READER, command, {})
            case Prepare(portrait=handle):
                payload = {handle: self._vault.get(handle) or b""}
                self._workers.command(DeviceId.VISION, command, payload)
            case StartVerify() | StopVerify():
                self._workers.command(DeviceId.VISION, command, {})
            case CheckLists():
                self._lists.command(command)
            case Append():
                self._writer.append(command)
            case OpenExit() | Close() | OpenEntry() | CloseEntry() | SetDirection():
                self._actuate(command, at_ns)
            case Wipe(ticket=ticket):
                self._workers.command(DeviceId.READER, command, {})
                self._workers.command(DeviceId.VISION, command, {})
                self._vault.wipe(ticket)
                self._shown = ("", "", {})

    def _actuate(self, command: Actuation, at_ns: int) -> None:
        if not self._turnstile_commands.order(command, at_ns):
            self._inbox.put(
                DeviceFailed(
                    device=DeviceId.TURNSTILE,
                    code=Code.COMMANDS_FULL,
                    retryable=True,
                    diagnosis="the turnstile does not follow its commands",
                )
            )

    def _too_late(self, command: Actuation) -> None:
        log.error("the lane was held up: %s was not carried out", action_of(command))
        self._inbox.put(
            ActuationDone(
                ticket=command.ticket, action=action_of(command), ok=False, detail="too late"
            )
        )

    def _run_turnstile(self) -> None:
        settings = self._profile.turnstile
        run_machine(
            self._turnstile,
            lambda _port: SerialPort(settings.port, settings.baud, settings.parity),
            self._emit,
            self._manager.watching("the turnstile's thread", self._stop.is_set),
            self._turnstile_commands,
        )

    def _emit(self, emission: Emission) -> None:
        self._inbox.put(emission.event)

    def _run_workers(self) -> None:
        self._workers.run(self._manager.watching("the workers' thread", self._stop.is_set))

    def _wake_at_stop(self) -> None:
        """Make the loop turn at the end, and often enough for the watchdog when all is quiet."""
        while not self._stop.wait(self._manager.tick_s):
            self._inbox.put(Tick())
        self._inbox.put(Tick())

    # --- the workers and the vault ---------------------------------------------------

    def _on_worker(self, event: Event) -> None:
        if isinstance(event, DeviceReady | DeviceFailed) and event.device is DeviceId.READER:
            ready = isinstance(event, DeviceReady)
            lacks = event.conditions if isinstance(event, DeviceReady) else ()
            self._vouched.reported(right=ready and Condition.CLOCK_UNTRUSTED not in lacks)
        of_vision = getattr(event, "device", None) is DeviceId.VISION
        if of_vision and isinstance(event, DeviceFailed | DeviceReady):
            self._pictures.give_up()
        self._inbox.put(event)

    def _keep(self, ticket: int, payload: Mapping[str, bytes]) -> None:
        try:
            self._vault.put(ticket, payload)
        except VaultError as error:
            self._inbox.put(
                DeviceFailed(
                    device=DeviceId.READER,
                    code=Code.PAYLOAD_REFUSED,
                    retryable=True,
                    diagnosis=error.diagnosis,
                )
            )

    def _identity(self, holder: str, inspection_day: str) -> dict[str, str]:
        """The holder, with dates read on the day on which the crossing is judged."""
        known, on, fields = self._shown
        if (known, on) != (holder, inspection_day):
            text = self._vault.get(holder)
            day = judged_on(inspection_day, self._profile.lane.time_zone, live.utc_now())
            fields = identity(text, day) if text is not None else {}
            self._shown = (holder, inspection_day, fields)
        return fields

    # --- the lane API -----------------------------------------------------------------

    def _turned(self, turn: Turn) -> None:
        """Show the lane as it stands now, and feed the watchdog."""
        self._lane.publish(turn, self._recorder.alarm)
        self._manager.turned(turn.at_ns)

    def _ask_picture(self, ticket: int, kind: str, reply: Reply) -> None:
        self._workers.ask_picture(self._pictures.ask(reply), ticket, kind)


def run(profile: Profile, run_dir: Path, state_dir: Path, keys: Path) -> int:
    """Run until SIGTERM; exit 78 for bad keys, 1 when folders or journal cannot be used."""
    stop = live.stop_on_sigterm()
    try:
        role_keys = {role: read_key(keys / f"{role.value}.key") for role in Role}
        centre = read_centre_public(keys) if (keys / "centre.pub").exists() else None
        own = keys / "journal.key"
        own_key = read_key(own)[:KEY_BYTES] if own.exists() else None
        sealer = centre and Sealer(centre.sealing, live.system_random, own_key)
    except (KeyUnusable, KeyRefused) as error:
        sys.stderr.write(f"egate agent: {error.diagnosis}\n")
        return os.EX_CONFIG
    if trouble := unfit(run_dir, state_dir):
        sys.stderr.write(f"egate agent: {trouble}\n")
        return 1
    try:
        process = AgentProcess(profile, run_dir, state_dir, role_keys, centre, sealer, stop)
    except StorageError as error:
        sys.stderr.write(f"egate agent: journal: {error.diagnosis}\n")
        return 1
    process.run()
    return 0


def _open_journal(profile: Profile, state_dir: Path, sealer: Sealer | None) -> Journal:
    let_the_group_read(state_dir / "journal.db")
    return Journal.open(
        state_dir / "journal.db",
        gate=profile.lane.gate,
        random=live.system_random,
        sealer=sealer,
        demo=profile.lane.demo,
    )
