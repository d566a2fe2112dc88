"""The doctor listens to the MRZ reader: a zone, bytes that are no lines, or nothing."""

import threading

import pytest

from firmware_cfg.profile import MrzReader
from gate_agent.host.doctor import Grade
from gate_agent.host.mrz_listening import mrz_reader
from sim.wires.pty import Pty

ONE = "P<UTOSPECIMEN<<EVA<MARIA<<<<<<<<<<<<<<<<<<<<"
TWO = "X000000000UTO8402291F3401144<<<<<<<<<<<<<<04"


def listened(pty, sent, framing="cr"):
    """The findings while a reader keeps sending."""
    done = threading.Event()

    def send():
        while not done.wait(0.02):
            pty.write(sent)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return list(mrz_reader(MrzReader(port=pty.path, framing=framing), 1))
    finally:
        done.set()
        sender.join()


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_zone_is_read_whatever_ends_its_lines(tmp_path, end):
    with Pty(tmp_path / "port") as pty:
        (found,) = listened(pty, f"{ONE}{end}{TWO}{end}".encode())
    assert (found.grade, "TD3" in found.what) == (Grade.GOOD, True)
    assert "SPECIMEN" not in found.what


@pytest.mark.parametrize(
    ("sent", "framing"),
    [
        (b"\x83\xfe\x1c\x80", "cr"),
        (f"{ONE};{TWO};".encode(), "cr"),
        (f"{ONE}\r{TWO}\r".encode(), "rte"),
        (f"{ONE[:20]}\r".encode(), "cr"),
    ],
)
def test_bytes_without_a_line_are_named_with_what_to_set(tmp_path, sent, framing):
    with Pty(tmp_path / "port") as pty:
        (found,) = listened(pty, sent, framing)
    assert found.grade is Grade.BROKEN
    assert "mrz_reader.baud" in found.do
    assert "mrz_reader.framing" in found.do


def test_a_silent_reader_and_a_port_of_the_lane_are_no_finding(tmp_path):
    with Pty(tmp_path / "port") as pty:
        assert list(mrz_reader(MrzReader(port=pty.path), 1)) == []
    assert list(mrz_reader(MrzReader(port=str(tmp_path / "none")), 1)) == []
