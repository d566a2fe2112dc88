"""Freed memory is overwritten in the environment that the reader runs in, and in no other."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gate_agent.host.memory_wipe import WIPING_ENVIRONMENT, is_wiping

UNIT = Path(__file__).parents[3] / "systemd" / "egate-reader@.service"
HOLDER = """
import sys
parts = ["QUENELLE", "<<", "MARIGOLD"] * 3
text = "".join(parts)
coded = text.encode() * 40
small = coded[:30]
del parts, text, coded, small
print("ready", flush=True)
sys.stdin.read()
"""
TRACE = b"MARIGOLDQUENELLE<<MARIGOLD"


def left_in(environment: dict[str, str]) -> bool:
    """Whether a child that freed its secrets still has one, its stack apart."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"ready\n"
        found = False
        with Path(f"/proc/{child.pid}/mem").open("rb", 0) as memory:
            for line in Path(f"/proc/{child.pid}/maps").read_text().splitlines():
                span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if span is not None and "[v" not in line and "[stack" not in line:
                    memory.seek(int(span[1], 16))
                    found = found or TRACE in memory.read(int(span[2], 16) - int(span[1], 16))
        child.stdin.close()
    return found


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_what_is_freed_is_overwritten() -> None:
    plain = {k: v for k, v in os.environ.items() if k not in WIPING_ENVIRONMENT}
    assert left_in(plain)
    assert not left_in(plain | dict(WIPING_ENVIRONMENT))


def test_the_readers_unit_asks_for_it() -> None:
    lines = UNIT.read_text().splitlines()
    pairs = [x.removeprefix("Environment=") for x in lines if x.startswith("Environment=")]
    assert is_wiping(dict(pair.split("=", 1) for pair in pairs))
    assert not is_wiping({})
