"""Reading the chip's files, against a minimal chip of this file."""

import pytest

from drivers.passport import tlv
from drivers.passport.chip.apdu import (
    Send,
)
from drivers.passport.chip.files import (
    HEAD_BYTES,
    ODD_OFFSET,
    ODD_OVERHEAD,
    READ_LADDER,
    FileReader,
)
from drivers.passport.errors import (
    CardRefused,
    SessionDead,
    TagLost,
    TlvError,
)


class PlainChip:
    """Files without access control; refuses reads above `largest`, with `refusal`.

    `short_ids` is what it answers to short file identifiers: None lets them be.
    """

    def __init__(self, files, largest=256, refusal=0x6700, short_ids=None):
        self.files, self.largest, self.refusal = files, largest, refusal
        self.short_ids = short_ids
        self.selected = b""
        self.commands = []

    def answer(self, raw):
        self.commands.append(raw)
        if raw[1] == 0xA4:
            file_id = int.from_bytes(raw[5:7], "big")
            if file_id not in self.files:
                return b"\x6a\x82"
            self.selected = self.files[file_id]
            return b"\x90\x00"
        if raw[1] == 0xB1:
            offset, le = int.from_bytes(raw[7:-1] if raw[4] else raw[9:-2], "big"), raw[-1]
            if not raw[4]:
                le = int.from_bytes(raw[-2:], "big")
            if le > self.largest:
                return self.refusal.to_bytes(2, "big")
            return tlv.encode(0x53, self.selected[offset : offset + le - 8]) + b"\x90\x00"
        offset = raw[2] << 8 | raw[3]
        if raw[2] & 0x80:
            if self.short_ids is not None:
                return self.short_ids.to_bytes(2, "big")
            if 0x0100 | raw[2] & 0x1F not in self.files:
                return b"\x6a\x82"
            self.selected, offset = self.files[0x0100 | raw[2] & 0x1F], raw[3]
        le = raw[4] or 256 if len(raw) == 5 else int.from_bytes(raw[5:7], "big") or 65_536
        if le > self.largest:
            return self.refusal.to_bytes(2, "big")
        return self.selected[offset : offset + le] + b"\x90\x00"


def drive(steps, chip):
    answer = None
    try:
        while True:
            op = steps.send(answer)
            assert isinstance(op, Send)
            answer = chip.answer(op.apdu)
    except StopIteration as end:
        return end.value


def dg1(size):
    return tlv.encode(0x61, bytes(i % 251 for i in range(size)))


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7, 127, 128, 500, 40_000])
@pytest.mark.parametrize("largest", [65_536, 1_000, 231, 160, 112])
def test_reads_exactly_the_file(size, largest):
    chip = PlainChip({0x0101: dg1(size) + b"padding after the object"}, largest)
    reader = FileReader()
    assert drive(reader.read("DG1"), chip) == dg1(size)


@pytest.mark.parametrize("refusal", [0x6A82, 0x6A86, 0x6B00, 0x6982, 0x6D00, 0x6700, 0x6C08])
def test_chip_without_short_file_identifiers_is_asked_by_select_once_that_is_known(refusal):
    files = {0x011E: tlv.encode(0x60, b"ab"), 0x0101: dg1(100)}
    chip, reader = PlainChip(files, short_ids=refusal), FileReader()
    assert drive(reader.read("COM"), chip) == files[0x011E]
    assert drive(reader.read("DG1"), chip) == files[0x0101]
    short = [raw for raw in chip.commands if raw[1] == 0xB0 and raw[2] & 0x80]
    assert {raw[2] for raw in short} == {0x9E}
    assert [raw[5:7] for raw in chip.commands if raw[1] == 0xA4] == [b"\x01\x1e", b"\x01\x01"]


def test_short_file_identifiers_save_every_select():
    files = {0x011E: tlv.encode(0x60, b"ab"), 0x0101: dg1(100), 0x0102: tlv.encode(0x75, b"abc")}
    chip, reader = PlainChip(files), FileReader()
    for name in ("COM", "DG1", "DG2"):
        drive(reader.read(name), chip)
    assert not any(raw[1] == 0xA4 for raw in chip.commands)
    with pytest.raises(CardRefused, match="6A82"):
        drive(reader.read("DG15"), chip)
    assert drive(reader.read("DG1"), chip) == files[0x0101]
    reader.files.clear()
    drive(reader.read("DG1"), chip)
    assert sum(raw[1] == 0xA4 for raw in chip.commands) == 1


def test_session_that_dies_of_a_short_file_identifier_is_not_asked_so_again():
    files = {0x0101: dg1(100)}
    chip, reader = PlainChip(files), FileReader()
    steps = reader.read("DG1")
    next(steps)
    with pytest.raises(SessionDead):
        steps.throw(SessionDead("unprotected answer 6A86"))
    reader.session_died()
    assert drive(reader.read("DG1"), chip) == files[0x0101]
    assert chip.commands[0][1] == 0xA4
    assert chip.commands[-1][-1] != 0  # and the read size is what it was
    assert len(chip.commands) == 3


class DiesOfLength(PlainChip):
    """Falls silent, or drops its session, over these of its long reads, counted from 1."""

    def __init__(self, files, fatal):
        super().__init__(files, 65_536)
        self.fatal = fatal
        self.long = 0

    def answer(self, raw):
        answer = super().answer(raw)
        self.long += len(answer) > 258
        if len(answer) > 258 and self.long in self.fatal:
            raise TagLost
        return answer


def read_over_deaths(chip, reader, death, limit=3):
    for _ in range(limit):
        try:
            return drive(reader.read("DG2"), chip)
        except TagLost:
            death()
    return None


@pytest.mark.parametrize(
    ("fatal", "deaths", "longest", "extended"),
    [
        (range(1, 99), 1, 223, False),
        ((2,), 1, 4096, True),
        ((2, 4), 2, 4096, True),
        ((2, 3), 2, 223, False),
    ],
)
@pytest.mark.parametrize("silent", [True, False])
def test_what_a_chip_dies_of_is_not_asked_again(fatal, deaths, longest, extended, silent):
    files = {0x0102: tlv.encode(0x75, bytes(16_800))}
    chip, reader = DiesOfLength(files, fatal), FileReader()
    death = reader.field_lost if silent else reader.session_died
    read = read_over_deaths(chip, reader, death, deaths + 1)
    assert read == files[0x0102]
    after = [raw for raw in chip.commands if raw[1] == 0xB0][-3:]
    sizes = [raw[4] or int.from_bytes(raw[5:7], "big") for raw in after]
    assert max(sizes) == longest
    assert reader.extended is extended


@pytest.mark.parametrize("refusal", [0x6700, 0x6B00, 0x6282, 0x6C70])
def test_ladder_comes_down_on_refusal(refusal):
    chip = PlainChip({0x0101: dg1(2_000)}, 160, refusal)
    assert drive(FileReader().read("DG1"), chip) == dg1(2_000)


def test_no_rung_is_a_refusal():
    with pytest.raises(CardRefused):
        drive(FileReader().read("DG1"), PlainChip({0x0101: dg1(2_000)}, 50))


@pytest.mark.parametrize("size", [HEAD_BYTES + 256, HEAD_BYTES + ODD_OFFSET + 256 - ODD_OVERHEAD])
def test_no_read_asks_for_what_there_is(size):
    """Under secure messaging so much would not fit into short length."""
    files = {0x0102: tlv.encode(0x75, bytes(size - 4))}
    assert len(files[0x0102]) == size
    chip = PlainChip(files, 65_536)
    assert drive(FileReader((4096,)).read("DG2"), chip) == files[0x0102]
    assert not [raw for raw in chip.commands if raw[-1] == 0 and (len(raw) == 5 or raw[4])]


def test_few_commands():
    chip = PlainChip({0x0102: tlv.encode(0x75, bytes(16_800))}, 65_536)
    drive(FileReader().read("DG2"), chip)
    assert len(chip.commands) <= 7
    chip = PlainChip({0x0102: tlv.encode(0x75, bytes(16_800))}, 223)
    drive(FileReader((223,)).read("DG2"), chip)
    assert len(chip.commands) <= 79
    assert tuple(sorted(READ_LADDER, reverse=True)) == READ_LADDER


def test_reading_goes_on_where_it_stopped():
    chip = PlainChip({0x0101: dg1(1_000)}, 160)
    reader = FileReader((160,))
    steps = reader.read("DG1")
    answer = None
    for _ in range(4):
        answer = chip.answer(steps.send(answer).apdu)
    with pytest.raises(TagLost):
        steps.throw(TagLost("gone"))
    before = len(reader.files["DG1"])
    assert before > 100
    sent = len(chip.commands)
    assert drive(reader.read("DG1"), chip) == dg1(1_000)
    assert len(chip.commands) - sent <= 7


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\x75\x03abcdefgh", TlvError),
        (b"\x61\x84\x7f\xff\xff\xff" + bytes(20), TlvError),
        (b"\x61\x80" + bytes(20), TlvError),
        (b"\x61\x05ab", CardRefused),
        (b"", CardRefused),
    ],
)
def test_malformed_files_are_refused_before_they_are_read(content, error):
    chip = PlainChip({0x0101: content})
    with pytest.raises(error):
        drive(FileReader().read("DG1"), chip)
    assert len(chip.commands) < 12
