"""Rules across the fields of a profile, where a bound on one field cannot say it.

A production profile (`lane.demo` false) refuses every marked thing: anything but a real
camera, any port that is not a device of its own, a stage or a guard left out, and records
sent in plain MQTT to another machine. What makes a
document genuine may not be left out on any gate, nor be accepted without a result.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from firmware_cfg.profile import Camera, Profile
from firmware_cfg.time_zone import UnknownTimeZone, time_zone
from firmware_cfg.turnstile import IoModule, RegisterMap, Turnstile

REAL_CAMERAS = ("device", "rtsp", "rtsps")
NETWORK_CAMERAS = ("rtsp", "rtsps", "mjpeg")
LOGIN_APART = "put NAME:PASSWORD into the file of camera.credentials, as it is"
NOT_DEVICES = ("/dev/pts", "/dev/shm", "/dev/fd")  # noqa: S108  refused here, not used
DEMO_ONLY = "only where lane.demo is true"
CORE_CHECKS = (
    "mrz_consistency",
    "access_control",
    "sod_signature",
    "ds_chain",
    "dg_hash",
    "expiry",
    "mrz_dg1",
)
"""Checks that bind the document to its issuer and data: every gate demands their success, or what
`policy.deviations_allowed`, `without_access_control` and `without_expiry` let through by name."""

WITHOUT_REGISTER_MAP = ("swing", "relay_io")
"""Values of `turnstile.driver` that name no register map."""

INPUTS = (
    "chamber_empty",
    "chamber_occupied",
    "chamber_single",
    "approach_clear",
    "beyond_clear",
    "fire_ok",
    "closed_housing",
    "mains_ok",
    "maintenance_key",
)
"""Inputs of a module that belong to no door."""


def problems(profile: Profile) -> Iterator[tuple[str, str]]:
    """Every broken rule as the field it concerns and what is wrong."""
    if not profile.lane.demo:
        yield from _marked(profile)
    if profile.lane.demo or _real_camera(profile.camera.source):
        yield from _network_camera(profile.camera)
    yield from _calendar(profile.lane.time_zone)
    yield from _checks(profile)
    yield from _timing(profile)
    yield from _registers(profile.turnstile.registers)
    yield from _driver(profile)
    yield from _settings(profile.turnstile)


def _marked(profile: Profile) -> Iterator[tuple[str, str]]:
    if not profile.policy.pad_required:
        yield "policy.pad_required", f"may be false {DEMO_ONLY}"
    if not profile.lane.officer_lease_required:
        yield "lane.officer_lease_required", f"may be false {DEMO_ONLY}"
    if not _real_camera(profile.camera.source):
        kinds = ", ".join(f"{kind}:" for kind in REAL_CAMERAS)
        yield "camera.source", f"must be a real camera ({kinds}); anything else {DEMO_ONLY}"
    if profile.sync.tls is None and not is_own_machine(profile.sync.host):
        yield "sync.tls", f"must be there for a broker on another machine; plain MQTT {DEMO_ONLY}"
    ports = {
        "mrz_reader.port": profile.mrz_reader.port,
        "chip_reader.port": profile.chip_reader.port,
        "turnstile.port": profile.turnstile.port,
    }
    for field, port in ports.items():
        if not _real_port(port):
            yield field, f"must be a serial device under /dev; anything else {DEMO_ONLY}"
    for field, port in ports.items():
        if list(ports.values()).count(port) > 1:
            yield field, "two devices cannot have one port"


def _calendar(name: str) -> Iterator[tuple[str, str]]:
    try:
        time_zone(name)
    except UnknownTimeZone as error:
        yield "lane.time_zone", str(error)


def _checks(profile: Profile) -> Iterator[tuple[str, str]]:
    for check in CORE_CHECKS:
        if check not in profile.policy.mandatory_checks:
            yield "policy.mandatory_checks", f"must name {check}"
        if check in profile.policy.undetermined_allowed:
            yield "policy.undetermined_allowed", f"must not name {check}"


def _real_camera(source: str) -> bool:
    kind, _, rest = source.partition(":")
    if kind not in REAL_CAMERAS or not rest:
        return False
    if kind == "device":
        return rest.isascii() and (rest.isdigit() or _real_port(rest))
    try:
        host = (urlsplit(source).hostname or "").rstrip(".")
    except ValueError:
        return False
    local = host in {"", "localhost", "::1", "::", "0"} or host.startswith(
        ("127.", "0.", "::ffff:")
    )
    return not (local or host.endswith(".localhost"))


def _network_camera(camera: Camera) -> Iterator[tuple[str, str]]:
    """An address that can be taken apart (RFC 3986, 3.2); no message repeats any of it.

    A password with `#`, `/`, `?` or `@` in it ends the part that names the host, so that the rest
    of it would be taken for a path, and neither host nor password be known for what it is.
    """
    kind, _, rest = camera.source.partition(":")
    if kind not in NETWORK_CAMERAS:
        return
    try:
        parts = urlsplit(rest if kind == "mjpeg" else camera.source)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, whole = urlsplit(""), False
    named, after = "@" in parts.netloc, parts.path + parts.query
    if not whole or "#" in camera.source or parts.netloc.count("@") > 1:
        yield "camera.source", f"is not the address of a network camera; {LOGIN_APART}"
    elif not named and "@" in after and ":" in parts.netloc:
        yield "camera.source", f"has an @ after the host: write %40, or {LOGIN_APART}"
    elif named and camera.credentials is not None:
        yield "camera.source", "has a name and password, and so has camera.credentials: keep one"


def is_own_machine(host: str) -> bool:
    """Whether a host is certainly this one. A name can be made to mean anything but this one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _real_port(port: str) -> bool:
    path = PurePosixPath(port)
    if len(path.parts) < 3 or path.parts[:2] != ("/", "dev") or ".." in path.parts:
        return False
    return not any(path.is_relative_to(place) for place in NOT_DEVICES)


def _timing(profile: Profile) -> Iterator[tuple[str, str]]:
    turnstile, budgets = profile.turnstile, profile.budgets
    if turnstile.poll_ms > turnstile.heartbeat_ms:
        yield "turnstile.heartbeat_ms", "must be at least turnstile.poll_ms"
    if turnstile.poll_ms >= turnstile.stale_ms:
        yield "turnstile.stale_ms", "must be more than turnstile.poll_ms"
    if turnstile.stale_ms > budgets.plant_stale_ms:
        yield "turnstile.stale_ms", "must not be more than budgets.plant_stale_ms"
    if turnstile.heartbeat_ms >= budgets.plant_stale_ms:
        yield "turnstile.heartbeat_ms", "must be less than budgets.plant_stale_ms"
    if turnstile.answer_ms > turnstile.backoff_ms:
        yield "turnstile.backoff_ms", "must be at least turnstile.answer_ms"
    yield from _patience(turnstile)
    if profile.sync.retry_min_ms > profile.sync.retry_max_ms:
        yield "sync.retry_max_ms", "must be at least sync.retry_min_ms"


def _patience(turnstile: Turnstile) -> Iterator[tuple[str, str]]:
    """Two bad answers in a row and the rest after them must not look like a lost plant."""
    needed_ms = turnstile.poll_ms + 2 * turnstile.answer_ms + turnstile.backoff_ms
    if turnstile.stale_ms < needed_ms:
        sum_of = "turnstile.poll_ms + 2 * turnstile.answer_ms + turnstile.backoff_ms"
        yield "turnstile.stale_ms", f"must be at least {needed_ms}: {sum_of}"
    if turnstile.driver == "relay_io" and turnstile.io.watchdog_ms <= needed_ms:
        yield (
            "turnstile.io.watchdog_ms",
            f"must be more than {needed_ms}, or it trips while the line rests",
        )


def _driver(profile: Profile) -> Iterator[tuple[str, str]]:
    """Two doors want a module of relays and inputs; nothing else does."""
    two_doors = profile.lane.two_doors
    module = profile.turnstile.driver == "relay_io"
    if two_doors and not module:
        yield "turnstile.driver", "must be relay_io where lane.topology is mantrap"
    if module and not two_doors:
        yield "turnstile.driver", "must not be relay_io where lane.topology is barrier"
    if module:
        yield from _wiring(profile.turnstile.io)


def _wiring(io: IoModule) -> Iterator[tuple[str, str]]:
    """No two meanings on one input or on one coil."""
    inputs: dict[int, str] = {}
    coils: dict[int, str] = {}
    for name, taken, number in _points(io, inputs, coils):
        if number in taken:
            yield f"turnstile.io.{name}", f"has the number of {taken[number]}"
        taken.setdefault(number, name)
    for door in (io.entry, io.exit):
        if door.release > 15:
            yield "turnstile.io", "a release must be one of the coils 0 to 15: the safe value is"


def _points(
    io: IoModule, inputs: dict[int, str], coils: dict[int, str]
) -> Iterator[tuple[str, dict[int, str], int]]:
    for side, door in (("entry", io.entry), ("exit", io.exit)):
        for name in door.__struct_fields__:
            taken = coils if name == "release" else inputs
            yield f"{side}.{name}", taken, getattr(door, name)
    for name in INPUTS:
        number = getattr(io, name)
        if number is not None:
            yield name, inputs, number
    if io.direction is not None:
        yield "direction", coils, io.direction


def _settings(turnstile: Turnstile) -> Iterator[tuple[str, str]]:
    """Settings are registers of a turnstile that has some, each once, none that moves it.

    Which registers move is known here for `modbus` alone, whose addresses the profile has;
    another map's are checked where it is composed (`gate_agent.compose.turnstile`).
    """
    if turnstile.settings and turnstile.driver in WITHOUT_REGISTER_MAP:
        yield "turnstile.settings", "only a turnstile with a register map has them"
    names = [setting.name for setting in turnstile.settings]
    places = [setting.register for setting in turnstile.settings]
    if len(set(names)) < len(names) or len(set(places)) < len(places):
        yield "turnstile.settings", "a name or a register stands twice"
    moving = {turnstile.registers.authorise_exit, turnstile.registers.authorise_entry}
    if turnstile.driver == "modbus" and moving & set(places):
        yield "turnstile.settings", "must not name a register that releases"


def _registers(registers: RegisterMap) -> Iterator[tuple[str, str]]:
    taken: dict[int, str] = {}
    for name in registers.__struct_fields__:
        address: int = getattr(registers, name)
        width = 2 if name.startswith("counter_") else 1
        if address + width > 0x10000:
            yield f"turnstile.registers.{name}", "reaches beyond the last register"
        for at in range(address, address + width):
            if at in taken:
                yield f"turnstile.registers.{name}", f"overlaps {taken[at]}"
                break
            taken[at] = name
