"""The camera column: VISCA bytes, where to look, and a column that takes its time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera import visca
from drivers.camera.aim import FacePosition, View, home, steer
from drivers.camera.column import ColumnMachine
from drivers.errors import DeviceRefused, DriverFault, NoAnswer, PortLost
from drivers.types import DeviceReady
from firmware_cfg.profile import Column
from sim.devices.column import SimColumn

MS = 1_000_000
COLUMN = Column(port="virtual")

# --- golden vectors: Sony's command list ------------------------------------------------------

MESSAGES = [
    (visca.ADDRESS_SET, "88 30 01 FF"),
    (visca.CLEAR_ALL, "88 01 00 01 FF"),
    (visca.zoom_to(1, 0x4000), "81 01 04 47 04 00 00 00 FF"),
    (visca.zoom_to(2, 0x1ABC), "82 01 04 47 01 0A 0B 0C FF"),
    (visca.vertical_to(1, 300, 0x14), "81 01 06 02 14 14 00 00 00 00 00 01 02 0C FF"),
    (visca.vertical_to(1, -1, 1), "81 01 06 02 01 01 00 00 00 00 0F 0F 0F 0F FF"),
    (visca.stop(1, 0x0A), "81 01 06 01 0A 0A 03 03 FF"),
    (visca.backlight(1, on=True), "81 01 04 33 02 FF"),
    (visca.backlight(1, on=False), "81 01 04 33 03 FF"),
    (visca.ask_version(1), "81 09 00 02 FF"),
    (visca.ask_position(1), "81 09 06 12 FF"),
    (visca.ask_zoom(3), "83 09 04 47 FF"),
]
REPLIES = [
    ("90 41 FF", visca.Acknowledged(1)),
    ("90 52 FF", visca.Completed(2)),
    ("90 60 02 FF", visca.Failed(0x02)),
    ("90 61 41 FF", visca.Failed(0x41)),
    ("90 50 02 FF", visca.Answer(b"\x02")),
]


@pytest.mark.parametrize(("message", "expected"), MESSAGES)
def test_messages_are_these_bytes(message, expected):
    assert message == bytes.fromhex(expected)


@pytest.mark.parametrize(("message", "reply"), REPLIES)
def test_replies_are_read(message, reply):
    assert visca.parse_reply(bytes.fromhex(message), 1) == reply


def test_positions_are_signed_and_zooms_are_not():
    answer = visca.Answer(bytes.fromhex("00 00 00 00 0F 0F 09 0C"))
    assert visca.position_of(answer) == -100
    assert visca.zoom_of(visca.Answer(bytes.fromhex("04 00 00 00"))) == 0x4000


@pytest.mark.parametrize(
    "message", ["", "90", "90 FF", "A0 41 FF", "90 71 FF", "90 41", "90 60 FF"]
)
def test_anything_else_is_no_reply(message):
    with pytest.raises(visca.BadMessage):
        visca.parse_reply(bytes.fromhex(message), 1)


@given(st.binary(max_size=24))
def test_arbitrary_bytes_are_a_reply_or_refused(data):
    try:
        reply = visca.parse_reply(data, 1)
        for read in (visca.position_of, visca.zoom_of, visca.version_of):
            if isinstance(reply, visca.Answer):
                read(reply)
    except visca.BadMessage:
        pass


@pytest.mark.parametrize("body", [(0xFF,), tuple(range(20))])
def test_a_message_that_would_break_the_line_is_a_bug(body):
    with pytest.raises(ValueError, match="not a VISCA message"):
        visca.to(1, *body)


# --- where to look ------------------------------------------------------------------------------

PICTURE_MM = 900.0  # what the wide picture shows from top to bottom, where the face is
MIDDLE_MM = 1450.0  # what the column looks at in its position 0
FACE_MM = 230.0


def position_of(face_mm: float, view: View) -> FacePosition | None:
    """Where a face at this height is in the picture."""
    magnified = 2.0 ** ((view.zoom - COLUMN.zoom_widest) / COLUMN.zoom_per_double)
    shown_mm = PICTURE_MM / magnified
    looks_at = MIDDLE_MM + view.vertical * PICTURE_MM / COLUMN.vertical_per_picture
    middle = 0.5 + (looks_at - face_mm) / shown_mm
    return FacePosition(middle, FACE_MM / shown_mm) if 0.0 <= middle <= 1.0 else None


@pytest.mark.parametrize(
    "stature_mm", [1_160, 1_250, 1_400, 1_550, 1_700, 1_850, 2_000], ids="{}mm".format
)
def test_every_traveller_fits_from_a_wheelchair_to_two_metres(stature_mm):
    face_mm = stature_mm - 130.0
    view = home(COLUMN)
    for _ in range(6):
        face = position_of(face_mm, view)
        # Out of the wide picture: a person so small or tall is seen at first by a part of it.
        view = steer(face or FacePosition(0.98 if face_mm < MIDDLE_MM else 0.02, 0.2), view, COLUMN)
    face = position_of(face_mm, view)
    assert face is not None
    assert abs(face.middle - COLUMN.face_at) <= COLUMN.dead_band + 0.01
    assert abs(face.height - COLUMN.face_height) <= COLUMN.dead_band + 0.01
    assert steer(face, view, COLUMN) == view  # and there it stays


@given(
    st.floats(-1, 2),
    st.floats(0, 1),
    st.integers(-500, 500),
    st.integers(0, 0x4000),
)
def test_the_column_never_leaves_its_limits(middle, height, vertical, zoom):
    wanted = steer(FacePosition(middle, height), View(vertical, zoom), COLUMN)
    assert COLUMN.lowest <= wanted.vertical <= COLUMN.highest
    assert COLUMN.zoom_widest <= wanted.zoom <= COLUMN.zoom_closest


# --- the machine --------------------------------------------------------------------------------


class Bench:
    def __init__(self) -> None:
        self.machine, self.peer = ColumnMachine(COLUMN), SimColumn()
        self.now_ns = 0
        self.events: list = []
        self.faults: list[DriverFault] = []
        self.act(self.machine.opened, "column", 0)

    def act(self, call, *arguments) -> None:
        try:
            call(*arguments)
        except DriverFault as fault:
            self.faults.append(fault)
        for op in self.machine.output():
            self.peer.receive(op.data, self.now_ns)
        self.events += [emission.event for emission in self.machine.events()]

    def run(self, ms: int, look=lambda: None) -> None:
        until_ns = self.now_ns + ms * MS
        frame_ns = self.now_ns
        while True:
            dues = [frame_ns, self.machine.due_ns, self.peer.due_ns]
            due_ns = max(self.now_ns, min(due for due in dues if due is not None))
            if due_ns > until_ns:
                self.now_ns = until_ns
                return
            self.now_ns = due_ns
            if due_ns >= frame_ns:
                frame_ns += 125 * MS
                self.act(self.machine.command, look(), due_ns)
            self.peer.expire(due_ns)
            data = self.peer.output()
            for byte in data:
                self.act(self.machine.receive, "column", bytes((byte,)), due_ns)
            if self.machine.due_ns is not None and self.machine.due_ns <= due_ns:
                self.act(self.machine.expire, due_ns)


def test_a_column_is_identified_lit_and_read_back():
    bench = Bench()
    bench.run(1_000)
    ready = [event for event in bench.events if isinstance(event, DeviceReady)]
    assert [event.identity for event in ready] == ["vendor 0001 model 0519 revision 0102"]
    assert bench.peer.backlight
    assert bench.machine.view == View(0, 0)
    assert bench.faults == []


@pytest.mark.parametrize("face_mm", [1_050.0, 1_570.0, 1_870.0])
def test_the_column_follows_a_face_and_rests(face_mm):
    bench = Bench()
    bench.run(8_000, lambda: position_of(face_mm, View(bench.peer.vertical, bench.peer.zoom)))
    face = position_of(face_mm, View(bench.peer.vertical, bench.peer.zoom))
    assert face is not None
    assert abs(face.middle - COLUMN.face_at) <= COLUMN.dead_band
    moves = bench.peer.moves
    bench.run(5_000, lambda: position_of(face_mm, View(bench.peer.vertical, bench.peer.zoom)))
    assert bench.peer.moves == moves <= 6


def test_a_face_that_jumps_about_moves_the_column_no_faster_than_allowed():
    bench = Bench()
    bench.run(1_000)
    places = iter([FacePosition(0.1, 0.35), FacePosition(0.9, 0.35)] * 100)
    bench.run(8_000, lambda: next(places))
    assert bench.peer.moves <= 8_000 / COLUMN.step_ms


def test_when_every_traveller_has_gone_it_goes_home():
    bench = Bench()
    bench.run(10_000)
    assert (bench.peer.vertical, bench.peer.zoom) == home(COLUMN)


def test_a_column_that_is_silent_or_refuses_is_reported_and_tried_again():
    bench = Bench()
    bench.peer.freeze(frozen=True)
    bench.run(5_000)
    assert {type(fault) for fault in bench.faults} == {NoAnswer}
    bench.peer.freeze(frozen=False)
    bench.peer.refuses = 0x41
    bench.run(5_000)
    assert DeviceRefused in {type(fault) for fault in bench.faults}
    bench.peer.refuses = None
    bench.run(5_000)
    assert any(isinstance(event, DeviceReady) for event in bench.events)
    with pytest.raises(PortLost):
        bench.machine.lost("column", bench.now_ns)
