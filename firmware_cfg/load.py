"""From overlays to one effective profile.

A profile is put together from TOML files, each laid over those before it: device models,
then the site, then the gate. A folder stands for the overlays in it, by name. Tables merge,
everything else replaces. The merge is decoded once into `Profile`; each error is reported
with the file that set the field, the field, and the bound it breaks.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from firmware_cfg.profile import Profile
from firmware_cfg.rules import problems

PROFILES_DIR = Path(__file__).parent / "profiles"
SITES_DIR = Path(__file__).parent / "sites"
RULES_DIR = Path(__file__).parent / "packs" / "rules"
FILE_MAX_BYTES = 262_144
OVERLAYS_MAX = 16

_AT = re.compile(r"^(?P<problem>.*?)(?: - at `\$\.?(?P<field>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?:missing required|unknown) field `(?P<name>[^`]*)`")


class ProfileError(Exception):
    """A profile cannot be used.

    Attributes:
        file: the overlay that set the field, or the last one where none did.
        field: dotted path of the field, empty for the file itself.
        problem: what is wrong, with the bound; no value of the file is repeated.
    """

    def __init__(self, file: str, field: str, problem: str) -> None:
        super().__init__(f"{file}: {field or '(file)'}: {problem}")
        self.file = file
        self.field = field
        self.problem = problem


def load(paths: Sequence[str | os.PathLike[str]]) -> Profile:
    """Lay the files over one another and decode the result.

    Raises:
        ProfileError: a file, a field or a rule across fields is broken; the first found.
    """
    profile, errors = _examine(paths)
    if errors or profile is None:
        raise errors[0]
    return profile


def check(paths: Sequence[str | os.PathLike[str]]) -> tuple[ProfileError, ...]:
    """Every error found in these overlays; empty if there is none."""
    return tuple(_examine(paths)[1])


def sha256(profile: Profile) -> str:
    """Hash of the effective profile: SHA-256, as hex, of its JSON with sorted keys.

    Defaults are written out, so two profiles have one hash exactly when they behave alike.
    """
    return hashlib.sha256(msgspec.json.encode(profile, order="sorted")).hexdigest()


def schema_json() -> bytes:
    """JSON Schema of the merged profile, for editors."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Profile)), indent=2)


def _examine(
    paths: Sequence[str | os.PathLike[str]],
) -> tuple[Profile | None, list[ProfileError]]:
    paths = [file for path in paths for file in _files(path)]
    if not 1 <= len(paths) <= OVERLAYS_MAX:
        return None, [ProfileError("(none)", "", f"1 to {OVERLAYS_MAX} files make a profile")]
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for path in paths:
        try:
            overlay = _read(path)
        except ProfileError as error:
            return None, [error]
        _lay_over(merged, overlay, os.fspath(path), origin, "")
    last = os.fspath(paths[-1])
    try:
        profile = msgspec.convert(merged, Profile)
    except msgspec.ValidationError as error:
        field, problem = _explain(str(error))
        return None, [ProfileError(_origin(origin, field, last), field, problem)]
    return profile, [
        ProfileError(_origin(origin, field, last), field, problem)
        for field, problem in problems(profile)
    ]


def _files(path: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """A file, or the overlays in a folder, by name: `10-turnstile.toml` before `90-gate.toml`."""
    try:
        return [*sorted(file for file in Path(path).iterdir() if file.suffix == ".toml")]
    except OSError:
        return [path]  # not a folder; other errors show when it is read


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise ProfileError(name, "", os.strerror(error.errno or 0)) from error
    if len(raw) > FILE_MAX_BYTES:
        raise ProfileError(name, "", f"longer than {FILE_MAX_BYTES} bytes")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProfileError(name, "", f"not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(name, "", f"not TOML: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ProfileError(name, "", "not TOML: a value is out of all bounds") from error


def _lay_over(
    below: dict[str, Any], above: dict[str, Any], file: str, origin: dict[str, str], prefix: str
) -> None:
    for key, value in above.items():
        field = f"{prefix}{key}"
        origin[field] = file
        under = below.get(key)
        if isinstance(value, dict):
            if not isinstance(under, dict):
                under = below[key] = {}
            _lay_over(under, value, file, origin, f"{field}.")
        else:
            below[key] = value


def _explain(message: str) -> tuple[str, str]:
    """Split msgspec's message into the field and the problem."""
    match = _AT.match(message)
    field, problem = "", message
    if match is not None:
        field, problem = match["field"] or "", match["problem"]
    named = _NAMED.search(problem)
    if named is not None:
        field = f"{field}.{named['name']}" if field else named["name"]
    return field, problem


def _origin(origin: dict[str, str], field: str, last: str) -> str:
    """Who set the field, else its nearest table, else the last overlay."""
    path = re.sub(r"\[[^\]]*\]", "", field)
    while path:
        if path in origin:
            return origin[path]
        path = path.rpartition(".")[0]
    return last
