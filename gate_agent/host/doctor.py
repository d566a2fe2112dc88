"""Checks of a gate's computer, one by one, each with what to do.

Every check is a function that gives findings: `good`, `attention` (the lane works, but not
for long or not well) or `broken` (the lane cannot go into service). Nothing is changed, no
device is opened that another process may have, and no secret is read further than its mode
and length.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from drivers.types import TRUST_OLD_DAYS
from firmware_cfg.profile import Profile
from gate_agent.host.secrets_on_disk import KeyUnusable, read_key
from gate_agent.host.system_clock import follows_time_server

CONNECT_S = 3.0
DISK_LOW_BYTES = 1 << 30
DISK_FULL_BYTES = 100 << 20


class Grade(StrEnum):
    """The result of a check."""

    GOOD = "good"
    ATTENTION = "attention"
    BROKEN = "broken"


class Finding(NamedTuple):
    """One check: what was found, and what to do about it."""

    check: str
    grade: Grade
    what: str
    do: str = ""


Findings = Iterator[Finding]


def ports(profile: Profile) -> Findings:
    """The serial devices of the lane."""
    named = {
        "turnstile": profile.turnstile.port,
        "mrz reader": profile.mrz_reader.port,
        "chip reader": profile.chip_reader.port,
    }
    for name, path in named.items():
        yield character_device(f"port: {name}", path, "dialout")


def character_device(check: str, path: str, group: str) -> Finding:
    """Whether a device file is there and ours to use."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        return Finding(
            check,
            Grade.BROKEN,
            f"{path}: {os.strerror(error.errno or 0)}",
            "plug it in; its name comes from a line of /etc/udev/rules.d/70-egate.rules",
        )
    if not stat.S_ISCHR(mode):
        return Finding(check, Grade.BROKEN, f"{path} is no device", "name the device's own path")
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding(
            check,
            Grade.BROKEN,
            f"{path} may not be read and written by this user",
            f"add the user to the group {group}, or run this as the unit's user",
        )
    return Finding(check, Grade.GOOD, f"{path} is there and may be used")


def supervisors(profile: Profile) -> Findings:
    """Who may reopen the lane after a passage that no decision stands behind."""
    if profile.policy.supervisors:
        named = ", ".join(profile.policy.supervisors)
        yield Finding("supervisors", Grade.GOOD, f"a stopped lane is reopened by {named}")
    elif not profile.lane.demo:
        yield Finding(
            "supervisors",
            Grade.ATTENTION,
            "any officer may reopen a lane after fire, a forced door or an unchecked passage",
            "name the supervisors' accounts in policy.supervisors",
        )


def camera(profile: Profile) -> Findings:
    """Where pictures come from."""
    kind, _, rest = profile.camera.source.partition(":")
    if kind == "device":
        path = f"/dev/video{rest}" if rest.isdigit() else rest
        yield character_device("camera", path, "video")
    elif kind in ("rtsp", "rtsps", "mjpeg"):
        if "@" in urlsplit(rest if kind == "mjpeg" else profile.camera.source).netloc:
            yield Finding(
                "camera",
                Grade.ATTENTION,
                "the profile holds the camera's name and password, and many may read it",
                "put NAME:PASSWORD into a file of mode 0400 and name it in camera.credentials",
            )
        yield _reachable("camera", *camera_address(profile.camera.source), Grade.BROKEN)
    elif kind == "file":
        there = Path(rest).exists()
        grade = Grade.GOOD if there else Grade.BROKEN
        yield Finding("camera", grade, f"{rest} {'is' if there else 'is not'} there")
    else:
        yield Finding("camera", Grade.ATTENTION, f"a source of the kind {kind} is not looked at")


def camera_address(source: str) -> tuple[str, int]:
    """Host and port of a camera in the network; a scheme's own port where none is named."""
    kind, _, rest = source.partition(":")
    parts = urlsplit(rest if kind == "mjpeg" else source)
    default = {"rtsp": 554, "rtsps": 322}.get(kind, 80)
    return parts.hostname or "", parts.port or default


def broker(profile: Profile) -> Findings:
    """The way to the central system. A lane works for days without it."""
    yield _reachable("broker", profile.sync.host, profile.sync.port, Grade.ATTENTION)


def _reachable(check: str, host: str, port: int, otherwise: Grade) -> Finding:
    try:
        with socket.create_connection((host, port), CONNECT_S):
            return Finding(check, Grade.GOOD, f"{host}:{port} answers")
    except OSError as error:
        return unreachable(check, f"{host}:{port}", error.errno, otherwise)


def unreachable(check: str, where: str, errno: int | None, grade: Grade) -> Finding:
    """What an address that does not answer means.

    A time-out has no `errno`, and names that are not found have one below 0.
    """
    why = "no answer" if errno is None or errno <= 0 else os.strerror(errno)
    do = "check cable, address and firewall; records are kept until it is back"
    if grade is Grade.BROKEN:
        do = "check cable, address and that the device is switched on"
    return Finding(check, grade, f"{where} cannot be reached: {why}", do)


def disk(state: Path) -> Findings:
    """Room for journal and traces."""
    try:
        free = shutil.disk_usage(state).free
    except OSError as error:
        yield Finding(
            "disk",
            Grade.BROKEN,
            f"{state}: {os.strerror(error.errno or 0)}",
            f"make it: install -d -m 0700 {state}, owned by the agent's user",
        )
        return
    yield room(state, free, writable=os.access(state, os.W_OK | os.X_OK))


def room(state: Path, free_bytes: int, *, writable: bool) -> Finding:
    """Whether so much room is enough."""
    left = f"{free_bytes >> 20} MB left in {state}"
    if not writable:
        return Finding("disk", Grade.BROKEN, f"{state} may not be written", "check its owner")
    if free_bytes < DISK_FULL_BYTES:
        return Finding("disk", Grade.BROKEN, left, "make room now")
    if free_bytes < DISK_LOW_BYTES:
        return Finding("disk", Grade.ATTENTION, left, "make room soon")
    return Finding("disk", Grade.GOOD, left)


def clock_set() -> Findings:
    """Whether the system's clock follows a time server."""
    yield clock(follows=follows_time_server())


def clock(*, follows: bool) -> Finding:
    """What it means that the clock follows a time server, or does not."""
    if follows:
        return Finding("clock", Grade.GOOD, "the clock follows a time server")
    return Finding(
        "clock",
        Grade.ATTENTION,
        "the clock does not follow a time server",
        "timedatectl set-ntp true; without a true date every document goes to an officer",
    )


def keys(folder: Path, names: tuple[str, ...]) -> Findings:
    """The lane's keys: present, and readable by their owner alone."""
    for name in names:
        try:
            read_key(folder / name)
        except KeyUnusable as error:
            yield Finding(
                f"key: {name}",
                Grade.BROKEN,
                error.diagnosis,
                f"put {name} into {folder}, mode 0400, owned by the unit's user",
            )
        else:
            yield Finding(f"key: {name}", Grade.GOOD, "is there, for its owner alone")


def models(store: Path, tier: str) -> Findings:
    """The face models that the profile wants, against the manifest's hashes."""
    from biometrics.models.store import installed

    tiers = [found.value for found in installed(store)]
    if not tiers:
        yield Finding(
            "models",
            Grade.BROKEN,
            f"none in {store}",
            "egate models prepare, then egate models add",
        )
    elif tier not in ("best", *tiers):
        yield Finding(
            "models",
            Grade.BROKEN,
            f"the profile wants {tier}, {', '.join(tiers)} installed",
            "egate models add DIR",
        )
    else:
        yield Finding("models", Grade.GOOD, f"{', '.join(tiers)}, hashes as in the manifest")


def trust(paths: list[Path], today_ordinal: int, *, demo: bool = False) -> Findings:
    """Whose signatures are trusted, and how old the newest list is.

    Args:
        paths: files and folders, as the reader is given.
        today_ordinal: the day as `date.toordinal`.
        demo: whether the lane accepts demo material.
    """
    from drivers.passport.trust.files import newest_list
    from gate_agent.inspect.trust_store import read

    try:
        loaded = read(paths)
    except OSError as error:
        what = f"{error.filename}: {os.strerror(error.errno or 0)}"
        yield Finding("trust", Grade.BROKEN, what, "egate trust import DIR")
        return
    count = sum(len(source.certificates) for source in loaded.parsed())
    if not count:
        yield Finding("trust", Grade.BROKEN, "no CSCA certificate", "egate trust import DIR")
        return
    marked = sum(c.demo for source in loaded.parsed() for c in source.certificates)
    if marked and not demo:
        yield Finding(
            "trust: demo",
            Grade.BROKEN,
            f"{marked} of {count} certificates are marked as demo material: a lane in service "
            "does not start with them",
            "remove their files (egate trust list shows which)",
        )
    for file, why in loaded.refused:
        yield Finding(f"trust: {file.name}", Grade.ATTENTION, f"refused: {why}", "remove it")
    newest = newest_list(loaded.parsed())
    age = None if newest is None else today_ordinal - newest.toordinal()
    yield trust_of_age(count, age)


def trust_of_age(certificates: int, newest_days: int | None) -> Finding:
    """Whether trust is fresh; `newest_days` is None where no list says when it was made."""
    dated = "" if newest_days is None else f", the newest list is {newest_days} days old"
    what = f"{certificates} certificates{dated}"
    if newest_days is None or newest_days <= TRUST_OLD_DAYS:
        return Finding("trust", Grade.GOOD, what)
    return Finding(
        "trust",
        Grade.ATTENTION,
        what,
        "fetch the present master list and CRLs, then egate trust import DIR",
    )
