"""Configuration of a console: its lanes, officers and limits; time and randomness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gate_agent.console.officers import Officer


@dataclass(frozen=True, kw_only=True)
class LaneAddress:
    """One lane of the bank: its number on the pages and its lane API's socket."""

    number: int
    socket: Path
    key: bytes = field(repr=False)  # the lane's key for the role CONSOLE


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every wait and size of the console."""

    session_idle_s: int = 1_800
    session_absolute_s: int = 28_800
    sign_in_per_address: int = 20  # failures within `sign_in_window_s`
    sign_in_per_name: int = 5
    sign_in_window_s: int = 60
    beat_ms: int = 2_000  # the page answers each beat; see `presence`
    presence_ms: int = 6_000
    lease_ms: int = 700
    streams: int = 64
    body_bytes: int = 8_192


@dataclass(frozen=True, kw_only=True)
class ConsoleConfig:
    """Everything `build_app` needs.

    Args:
        lanes: the bank, in the order of the pages.
        officers: who may sign in.
        kiosk_tokens: lane number -> capability that opens its traveller page alone.
        allowed_hosts: values of the Host header that are answered, such as `127.0.0.1:8600`.
        secure_cookies: false only where the console is plain http on loopback.
        monotonic_ns, utc_ms, random: time and randomness.
    """

    lanes: tuple[LaneAddress, ...]
    officers: tuple[Officer, ...]
    allowed_hosts: tuple[str, ...]
    monotonic_ns: Callable[[], int]
    utc_ms: Callable[[], int]
    random: Callable[[int], bytes]
    kiosk_tokens: Mapping[int, str] = field(default_factory=dict, repr=False)
    secure_cookies: bool = True
    limits: Limits = Limits()
