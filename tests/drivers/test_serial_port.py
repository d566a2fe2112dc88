from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.errors import PortLost
from drivers.serial_port import WRITE_QUEUE_MAX_BYTES, SerialPort
from sim.wires.pty import Pty


def arrived(source: Pty | SerialPort) -> bytes:
    select.select([source], [], [], 5)
    return source.read()


def test_bytes_go_both_ways(tmp_path: Path) -> None:
    every_byte = bytes(range(256))
    with Pty(tmp_path / "port") as pty:
        port = SerialPort(str(tmp_path / "port"), 9600)
        assert port.read() == b""
        port.write(every_byte)
        assert arrived(pty) == every_byte
        pty.write(every_byte)
        assert arrived(port) == every_byte
        assert pty.read() == b""
        port.close()


def test_the_speed_can_change() -> None:
    with Pty() as pty:
        port = SerialPort(pty.path, 115_200)
        port.write(b"before")
        port.set_baud(921_600)
        port.write(b"after")
        assert arrived(pty) + pty.read() == b"beforeafter"
        with pytest.raises(PortLost):
            port.set_baud(-1)
        port.close()


def test_a_port_is_ours_alone() -> None:
    with Pty() as pty:
        port = SerialPort(pty.path, 9600)
        with pytest.raises(PortLost, match="cannot open"):
            SerialPort(pty.path, 9600)
        port.close()
        SerialPort(pty.path, 9600).close()


def test_a_killed_owner_leaves_the_port_usable() -> None:
    owner = (
        "import sys, os, signal; from drivers.serial_port import SerialPort;"
        "port = SerialPort(sys.argv[1], 9600); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with Pty() as pty:
        died = subprocess.run(
            [sys.executable, "-c", owner, pty.path], check=False, cwd=Path(__file__).parents[2]
        )
        assert died.returncode == -9
        SerialPort(pty.path, 9600).close()


def test_a_missing_port_is_lost(tmp_path: Path) -> None:
    with pytest.raises(PortLost, match="No such file"):
        SerialPort(str(tmp_path / "none"), 9600)
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    with pytest.raises(PortLost, match="cannot open"):
        SerialPort(str(plain), 9600)


def test_a_pulled_plug_is_seen_and_put_back(tmp_path: Path) -> None:
    with Pty(tmp_path / "port") as pty:
        port = SerialPort(pty.path, 9600)
        pty.unplug()
        assert not pty.plugged
        with pytest.raises(PortLost):
            port.read()
        with pytest.raises(PortLost):
            port.write(b"x")
        with pytest.raises(PortLost):
            port.fileno()
        with pytest.raises(PortLost):
            SerialPort(pty.path, 9600)
        pty.write(b"into the void")
        assert pty.read() == b""
        pty.replug()
        port = SerialPort(pty.path, 9600)
        port.write(b"again")
        assert arrived(pty) == b"again"
        port.close()
    assert not (tmp_path / "port").exists()
    assert not os.path.lexists(tmp_path / "port")


def test_output_that_is_not_read_is_bounded() -> None:
    with Pty() as pty:
        port = SerialPort(pty.path, 9600)
        port.write(bytes(WRITE_QUEUE_MAX_BYTES))
        with pytest.raises(PortLost, match="no more"):
            port.write(bytes(WRITE_QUEUE_MAX_BYTES))
        port.close()
        port.close()


def test_what_does_not_fit_is_sent_later() -> None:
    with Pty() as pty:
        port = SerialPort(pty.path, 9600)
        port.write(bytes(40_000))
        assert 0 < port.unsent < 40_000
        got = 0
        while got < 40_000:
            got += len(arrived(pty))
            port.write(b"")
        assert (got, port.unsent) == (40_000, 0)
        port.close()
