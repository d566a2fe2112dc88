"""Numbers on the command line that have bounds; argparse ends with exit code 2 outside them."""

from __future__ import annotations

import argparse

MAX_PORT = 65_535
MAX_SEED = MAX_SEQ = 2**63 - 1


def tcp_port(text: str) -> int:
    """A TCP port; 0 lets a server choose. Raises ArgumentTypeError."""
    return _within(text, MAX_PORT)


def seed(text: str) -> int:
    """The seed of a run, as a scenario file may have it. Raises ArgumentTypeError."""
    return _within(text, MAX_SEED)


def seq(text: str) -> int:
    """A place in a log, or its size, as a database may hold it. Raises ArgumentTypeError."""
    return _within(text, MAX_SEQ)


def rate(text: str) -> str:
    """A rate between 0 and 1, as typed. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate between 0 and 1")
    return text


def count(text: str) -> int:
    """A number from 1 to 100. Raises ArgumentTypeError."""
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100")
    return int(text)


def days(text: str) -> int:
    """A number of days, up to ten years. Raises ArgumentTypeError."""
    return _within(text, 3660)


def _within(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > most or len(text) > 20:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number from 0 to {most}")
    return int(text)
