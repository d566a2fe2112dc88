"""The vision process: camera, DG2 decoding and face models. No turnstile, no journal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from biometrics.device import VisionDevice
from biometrics.errors import BiometricFault
from biometrics.models.store import installed
from biometrics.pipeline import Pipeline
from biometrics.types import Tier
from drivers.camera.access import Login, parse_login
from drivers.camera.aim import FacePosition
from drivers.camera.column import ColumnMachine
from drivers.camera.source import open_source
from drivers.errors import DriverFault
from drivers.serial_port import SerialPort
from drivers.types import DeviceId
from firmware_cfg.profile import Column, Profile
from gate_agent import live
from gate_agent.host.priority import yield_processor
from gate_agent.host.service_manager import ServiceManager
from gate_agent.workers.link import WorkerLink
from gate_agent.workers.machine_thread import CommandQueue, run_machine
from gate_agent.workers.parallel_tasks import in_parallel
from gate_agent.workers.vision import VisionWorker
from sync.log.errors import KeyRefused
from sync.log.secret_file import read_secret

LOGIN_MAX_BYTES = 1024

log = logging.getLogger("egate.vision")


def choose_tier(wanted: str, store: Path) -> Tier:
    """The tier that the profile wants, or the best one that is installed.

    Raises:
        BiometricFault: it is not installed.
    """
    if wanted != "best":
        return Tier(wanted)
    tiers = installed(store)
    return tiers[-1] if tiers else Tier.PACKAGED


def load_pipeline(profile: Profile, tier: Tier, store: Path) -> Pipeline:
    """The models of a tier, which must be calibrated for the error rate of the profile.

    Raises:
        BiometricFault: a model is missing or not the manifest's, or no threshold is as
            strict as the profile asks; checked here, before a traveller is at the gate.
    """
    pipeline = Pipeline(
        tier,
        store,
        profile.face.quality,
        profile.face.expected_face_px,
        live.monotonic_ns,
        run_tasks=in_parallel(live.spawn),
        execution=profile.face.execution,
    )
    pipeline.threshold(profile.face.fmr)
    return pipeline


def run(profile: Profile, run_dir: Path, store: Path) -> int:
    """Run until SIGTERM; exit 78 when the models or the camera's name cannot be used."""
    stop = live.stop_on_sigterm()
    yield_processor()  # before the models: threads that they start keep the priority of now
    try:
        tier = choose_tier(profile.face.tier, store)
        device = VisionDevice(
            lambda: load_pipeline(profile, tier, store),
            profile.camera.frame_age_max_ms,
        )
        source = open_source(
            profile.camera, clock=live.monotonic_ns, wait=stop.wait, login=_login(profile)
        )
    except (BiometricFault, DriverFault, KeyRefused) as fault:
        sys.stderr.write(f"egate vision: {fault.diagnosis}\n")
        return os.EX_CONFIG
    manager = ServiceManager(os.environ, os.getpid(), live.monotonic_ns)
    worker = VisionWorker(
        device,
        f"{tier.value} tier",
        lambda event: link.emit(event),  # noqa: PLW0108 - the link is made below
        lambda request, jpeg: link.answer(request, jpeg),  # noqa: PLW0108 - as above
        live.monotonic_ns,
        _column(profile.camera.column, manager, stop),
        profile.camera.rotate,
        mirror=profile.camera.mirror,
    )
    link = WorkerLink(
        run_dir / "vision.sock",
        DeviceId.VISION,
        worker.on_command,
        worker.on_connected,
        worker.on_query,
    )
    filming = manager.watching("the camera", stop.is_set)
    linked = manager.watching("the agent's line", stop.is_set)
    live.spawn("camera", lambda: worker.watch_camera(source, filming, stop.wait))
    live.spawn("link", lambda: link.run(linked, stop.wait))
    worker.run(manager.watched(stop.is_set))
    manager.stopping()
    return 0


def _login(profile: Profile) -> Login | None:
    """Name and password of the camera.

    Raises:
        KeyRefused: their file is missing, or others may read it.
        CredentialsRefused: it is not a line NAME:PASSWORD.
    """
    if profile.camera.credentials is None:
        return None
    return parse_login(read_secret(Path(profile.camera.credentials), LOGIN_MAX_BYTES))


def _column(
    column: Column | None, manager: ServiceManager, stop: live.Stop
) -> Callable[[tuple[float, float] | None], None]:
    """Start the camera column, if there is one; return what reports the face's place to it.

    Events of a column are only logged: without it the camera stays where it is.
    """
    if column is None:
        return lambda _place: None
    commands = CommandQueue()
    stop.on_set(commands.wake)
    moving = manager.watching("the camera column's thread", stop.is_set)

    def follow() -> None:
        run_machine(
            ColumnMachine(column),
            lambda _port: SerialPort(column.port, column.baud),
            lambda emission: log.warning("camera column: %s", emission.event),
            moving,
            commands,
        )

    live.spawn("column", follow)
    return lambda place: None if place is None else _aim(commands, FacePosition(*place))


def _aim(commands: CommandQueue, face: FacePosition) -> None:
    commands.put(face)  # a column that does not follow misses a frame
