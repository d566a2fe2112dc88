"""The simulated MRZ line reader."""

from sim.devices.mrz_reader import MrzLineReader

LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)


def test_lines_come_after_the_scan_each_with_cr():
    reader = MrzLineReader(scan_ns=100)
    reader.place(LINES, 1_000)
    assert reader.due_ns == 1_100
    reader.expire(1_099)
    assert reader.output() == b""
    reader.expire(1_100)
    assert reader.output() == LINES[0].encode() + b"\r" + LINES[1].encode() + b"\r"
    assert reader.output() == b""
    assert reader.due_ns is None


def test_a_document_taken_away_early_is_not_read():
    reader = MrzLineReader(scan_ns=100)
    reader.place(LINES, 0)
    reader.remove(50)
    assert reader.due_ns is None
    reader.expire(200)
    assert reader.output() == b""


def test_noise_comes_before_the_lines():
    reader = MrzLineReader(scan_ns=0, noise=b"\xff\x00?\r")
    reader.place(LINES, 0)
    reader.receive(b"anything", 0)
    reader.expire(0)
    assert reader.output().startswith(b"\xff\x00?\rP<UTO")
