"""The PN532 from its serial side: frames typed from the manual, commands, chaining, loss."""

import pytest
from chip_samples import SELECT_APPLICATION, Terminal, passport
from hypothesis import given
from hypothesis import strategies as st

from sim.chip.air import AirTiming
from sim.chip.apdu import Command
from sim.chip.card import Behaviour, Chip, card_of
from sim.chip.faults import tag_lost_at_byte
from sim.chip.iso_dep import ANSWER_TO_SELECT
from sim.chip.keys import seeded_random
from sim.chip.personalise import EF_DG1, EF_DG2
from sim.chip.pn532 import Pn532Peer
from sim.chip.pn532_field import CHUNK
from sim.chip.pn532_frames import LARGEST_PACKET, Control, FrameReader, encode

DOCUMENT = passport()
ACK = bytes.fromhex("0000ff00ff00")
WAKE_UP = b"\x55\x55" + bytes(14)
SYNTAX_ERROR = bytes.fromhex("0000ff01ff7f8100")


class Host:
    """A host that sends what it is given and waits for the answer in virtual time."""

    def __init__(self, *, lost_status=0x01, timing=None):
        random = seeded_random(b"pn532")
        self.peer = Pn532Peer(random, timing, lost_status=lost_status)
        self.now_ns = 0

    def send(self, data):
        self.peer.receive(data, self.now_ns)
        return self.peer.output()

    def finish(self):
        """Wait for the answer: its frame."""
        assert self.peer.due_ns is not None
        self.now_ns = max(self.now_ns, self.peer.due_ns)
        self.peer.expire(self.now_ns)
        return self.peer.output()

    def command(self, code, *parameters):
        """Send D4 + code; the packet of the answer without D5 and code."""
        packet = bytes([0xD4, code]) + b"".join(parameters)
        assert self.send(encode(packet)) == ACK
        (answer,) = FrameReader().feed(self.finish())
        assert answer[:2] == bytes([0xD5, code + 1])
        return answer[2:]

    def ready(self, behaviour=None, *, rate=None):
        """Awake, configured, a chip activated."""
        self.send(WAKE_UP)
        self.command(0x14, b"\x01\x00\x01")
        random = seeded_random(b"chip")
        self.peer.put_chip(Chip(card_of(DOCUMENT, behaviour), random), self.now_ns)
        assert self.command(0x4A, b"\x01\x00")[0] == 1
        if rate is not None:
            assert self.command(0x4E, b"\x01", bytes([rate, rate])) == b"\x00"
        return self

    def transceive(self, apdu):
        """One APDU by InDataExchange, chained both ways; None when the chip is gone."""
        parts = [apdu[i : i + CHUNK] for i in range(0, len(apdu), CHUNK)] or [b""]
        for part in parts[:-1]:
            assert self.command(0x40, b"\x41", part) == b"\x00"
        answer = self.command(0x40, b"\x01", parts[-1])
        whole = answer[1:]
        while answer[0] == 0x40:
            answer = self.command(0x40, b"\x01")
            whole += answer[1:]
        return whole if answer[0] == 0 else None


GOLDEN = {
    # GetFirmwareVersion and its answer, PN532 1.6 (UM0701-02, 7.2.2)
    "d402": "0000ff02fed4022a00",
    "d50332010607": "0000ff06fad50332010607e800",
    # SAMConfiguration in normal mode
    "d414010001": "0000ff05fbd4140100011600",
    # InListPassiveTarget: one target, 106 kbit/s type A
    "d44a0100": "0000ff04fcd44a0100e100",
    # InListPassiveTarget's answer: no card there
    "d54b00": "0000ff03fdd54b00e000",
    # RFConfiguration, item 5: activation tried twice
    "d43205ff0101": "0000ff06fad43205ff0101f400",
}


@pytest.mark.parametrize("packet", list(GOLDEN))
def test_frames_of_the_manual(packet):
    assert encode(bytes.fromhex(packet)).hex() == GOLDEN[packet]
    assert FrameReader().feed(bytes.fromhex(GOLDEN[packet])) == [bytes.fromhex(packet)]


def test_extended_frames_begin_at_256_bytes():
    assert encode(bytes(255))[3:5] == b"\xff\x01"
    assert encode(bytes(256))[:8] == bytes.fromhex("0000ffffff0100ff")
    assert encode(bytes(LARGEST_PACKET))[:8] == bytes.fromhex("0000ffffff0109f6")


@given(st.binary(min_size=1, max_size=LARGEST_PACKET), st.integers(1, 7))
def test_frames_come_back_in_pieces_of_any_size(packet, step):
    reader, found = FrameReader(), []
    wire = b"\x00\x12\x00" + encode(packet) + ACK
    for at in range(0, len(wire), step):
        found += reader.feed(wire[at : at + step])
    assert found == [packet, Control.ACK]


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_flipped_bit_never_gives_another_packet(packet, data):
    wire = bytearray(encode(packet))
    at = data.draw(st.integers(3, len(wire) - 2))
    wire[at] ^= 1 << data.draw(st.integers(0, 7))
    found = [item for item in FrameReader().feed(bytes(wire)) if isinstance(item, bytes)]
    assert packet not in found


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_any_bytes_leave_it_usable(pieces):
    host = Host()
    host.send(WAKE_UP)
    for piece in pieces:
        host.send(piece)
        if host.peer.due_ns is not None:
            host.finish()
    host.send(WAKE_UP + bytes(LARGEST_PACKET + 10))
    host.send(ACK)
    assert host.command(0x02).hex() == "32010607"


@given(st.binary(min_size=1, max_size=30))
def test_any_packet_is_acknowledged_and_answered_or_awaited(packet):
    host = Host().ready()
    sent = host.send(encode(packet))
    assert sent.startswith(ACK)
    due = host.peer.due_ns
    if due is not None:
        assert host.finish()
    elif len(sent) > len(ACK):
        assert sent == ACK + SYNTAX_ERROR


def test_it_sleeps_until_woken():
    host = Host()
    assert host.send(encode(b"\xd4\x02")) == b""
    assert host.send(WAKE_UP + encode(b"\xd4\x02")) == ACK
    assert host.finish() == encode(bytes.fromhex("d50332010607"))
    assert host.command(0x16, b"\xf0") == b"\x00"
    assert host.send(encode(b"\xd4\x02")) == b""
    host.send(WAKE_UP)
    assert host.command(0x02).hex() == "32010607"


def test_no_chip_before_sam_configuration():
    host = Host()
    host.send(WAKE_UP)
    assert host.send(encode(bytes.fromhex("d44a0100"))) == ACK + SYNTAX_ERROR
    host.command(0x14, b"\x01\x00\x01")
    assert host.send(encode(bytes.fromhex("d44a0100"))) == ACK


def test_broken_frames_get_no_acknowledgement():
    host = Host()
    host.send(WAKE_UP)
    assert host.send(bytes.fromhex("0000ff02fed4022b00")) == b""
    assert host.send(bytes.fromhex("0000ff02ffd4022a00")) == b""
    assert host.send(encode(b"\xd4\x02")) == ACK


def test_nack_repeats_the_last_answer():
    host = Host()
    host.send(WAKE_UP)
    host.send(encode(b"\xd4\x02"))
    answer = host.finish()
    assert host.send(bytes.fromhex("0000ffff0000")) == answer


def test_ack_aborts_a_command():
    host = Host()
    host.send(WAKE_UP)
    host.command(0x14, b"\x01\x00\x01")
    host.send(encode(bytes.fromhex("d44a0100")))
    host.send(ACK)
    assert host.peer.due_ns is None
    host.peer.put_chip(Chip(card_of(DOCUMENT), seeded_random(b"")), host.now_ns)
    assert host.peer.due_ns is None
    assert host.peer.output() == b""


@pytest.mark.parametrize(
    "packet", ["d4", "d503", "d4ff", "d44a", "d44a0000", "d44a0105", "d414", "d41009", "d40d"]
)
def test_syntax_errors(packet):
    host = Host()
    host.send(WAKE_UP)
    host.command(0x14, b"\x01\x00\x01")
    assert host.send(encode(bytes.fromhex(packet))) == ACK + SYNTAX_ERROR


@pytest.mark.parametrize(
    ("command", "parameters", "answer"),
    [
        (0x00, b"\x00libnfc", b"\x00libnfc"),
        (0x04, b"", b"\x00\x00\x00\x80"),
        (0x06, b"\x63\x05\x63\x0d", b"\x00\x00"),
        (0x08, b"\x63\x05\x40", b""),
        (0x0C, b"", bytes.fromhex("3f0600")),
        (0x0E, b"\x80\x80", b""),
        (0x12, b"\x14", b""),
        (0x32, b"\x01\x01", b""),
        (0x32, b"\x05\xff\x01\x02", b""),
        (0x40, b"\x01\x00", b"\x27"),
        (0x44, b"\x00", b"\x00"),
        (0x52, b"\x00", b"\x00"),
        (0x4E, b"\x01\x02\x02", b"\x27"),
    ],
)
def test_commands_without_a_chip(command, parameters, answer):
    host = Host()
    host.send(WAKE_UP)
    assert host.command(command, parameters) == answer


def test_registers_keep_what_is_written():
    host = Host()
    host.send(WAKE_UP)
    host.command(0x08, b"\x63\x05\x40\x63\x0d\x11")
    assert host.command(0x06, b"\x63\x0d\x63\x05") == b"\x11\x40"


def test_the_speed_changes_when_the_host_acknowledges():
    host = Host()
    host.send(WAKE_UP)
    assert host.command(0x10, b"\x07") == b""
    assert host.peer.baud == 115_200
    host.send(ACK)
    assert host.peer.baud == 921_600
    host.command(0x10, b"\x04")
    host.command(0x02)  # not acknowledged: the speed stays
    host.send(ACK)
    assert host.peer.baud == 921_600


def test_an_abort_before_the_speed_was_confirmed_changes_no_speed():
    host = Host()
    host.send(WAKE_UP)
    host.command(0x10, b"\x07")
    host.send(encode(b"\xd4\x02"))
    host.send(ACK)
    assert host.peer.baud == 115_200


def test_sleep_forgets_half_a_frame():
    host = Host()
    host.send(WAKE_UP)
    host.send(encode(b"\xd4\x16\xf0"))
    host.send(encode(b"\xd4\x02")[:6])
    host.finish()
    host.send(WAKE_UP)
    assert host.command(0x02).hex() == "32010607"


@pytest.mark.parametrize(
    ("size", "rate", "blocks"), [(0, 106, 1), (61, 106, 1), (62, 106, 2), (262, 424, 5)]
)
def test_air_time_is_bits_and_turnarounds(size, rate, blocks):
    """Every block but the last is acknowledged by a block of three bytes."""
    timing = AirTiming(turnaround_ns=1_000_000_000)
    frames = 2 * blocks - 1
    bits = 9 * (size + 3 * frames) + 3 * frames
    assert timing.to_reader_ns(size, rate) == frames * 1_000_000_000 + bits * 1_000_000 // rate


def test_activation():
    host = Host().ready()
    answer = host.command(0x4A, b"\x01\x00")
    assert answer[:6] == bytes.fromhex("010100082004")
    assert answer[6] == 0x08  # a random identifier
    assert answer[10:] == ANSWER_TO_SELECT
    assert len(ANSWER_TO_SELECT) == ANSWER_TO_SELECT[0]
    again = host.command(0x4A, b"\x01\x00")
    assert again[6:10] == answer[6:10]  # as long as the chip has its power
    host.command(0x32, b"\x01\x00")
    again = host.command(0x4A, b"\x01\x00")
    assert again[6:10] != answer[6:10]


def test_activation_without_automatic_rats_gives_no_answer_to_select():
    host = Host().ready()
    host.command(0x12, b"\x04")
    assert len(host.command(0x4A, b"\x01\x00")) == 10


def test_polling_ends_after_its_retries():
    host = Host(timing=AirTiming(poll_ns=5_000_000))
    host.send(WAKE_UP)
    host.command(0x14, b"\x01\x00\x01")
    host.command(0x32, b"\x05\xff\x01\x02")
    before = host.now_ns
    assert host.command(0x4A, b"\x01\x00") == b"\x00"
    assert host.now_ns - before == 3 * 5_000_000


def test_endless_polling_finds_a_chip_put_down_later():
    host = Host()
    host.send(WAKE_UP)
    host.command(0x14, b"\x01\x00\x01")
    assert host.send(encode(bytes.fromhex("d44a0100"))) == ACK
    assert host.peer.due_ns is None
    host.now_ns = 5_000_000_000
    host.peer.put_chip(Chip(card_of(DOCUMENT), seeded_random(b"")), host.now_ns)
    assert host.finish()[5:9] == bytes.fromhex("d54b0101")


def test_other_modulations_find_no_passport():
    host = Host().ready()
    host.command(0x32, b"\x05\xff\x01\x01")
    for modulation in (b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x04"):
        assert host.command(0x4A, b"\x01", modulation) == b"\x00"


@pytest.mark.parametrize("rate", [None, 2])
@pytest.mark.parametrize("chunk", [0xDF, 4096])
def test_a_whole_file_through_it(chunk, rate):
    host = Host().ready(rate=rate)
    reader = Terminal(host.transceive, DOCUMENT.access_key_text)
    assert reader.authenticate() == "9000"
    assert reader.read_file(EF_DG2, chunk, extended=chunk > 256) == DOCUMENT.files[EF_DG2]


def test_faster_air_is_faster():
    took = []
    for rate in (0, 1, 2):
        host = Host().ready(rate=rate)
        reader = Terminal(host.transceive, DOCUMENT.access_key_text)
        reader.authenticate()
        before = host.now_ns
        reader.read_file(EF_DG2, 4096, extended=True)
        took.append(host.now_ns - before)
    assert took[0] > took[1] > took[2]
    assert 1_500_000_000 < took[0] < 3_000_000_000


def test_a_long_command_is_chained_to_the_chip():
    host = Host().ready()
    long = bytes.fromhex("00a4040c000400") + bytes(0x400)
    assert host.transceive(long).hex() == "6a82"
    assert host.send(encode(b"\xd4\x40\x01" + bytes(263))) == b""  # no such frame exists
    assert host.command(0x40, b"\x02", b"") == b"\x27"


def test_a_command_without_end_is_refused():
    host = Host().ready()
    for _ in range(65_544 // CHUNK):
        assert host.command(0x40, b"\x41", bytes(CHUNK)) == b"\x00"
    assert host.command(0x40, b"\x41", bytes(CHUNK)) == b"\x27"


def test_release_ends_the_activation():
    host = Host().ready()
    assert host.command(0x52, b"\x01") == b"\x00"
    assert host.command(0x40, b"\x01", SELECT_APPLICATION) == b"\x27"


def test_switching_the_field_off_ends_the_activation():
    host = Host().ready()
    host.command(0x32, b"\x01\x00")
    assert host.command(0x40, b"\x01", SELECT_APPLICATION) == b"\x27"


def test_a_chained_command_drops_the_rest_of_an_answer():
    host = Host().ready()
    reader = Terminal(host.transceive, DOCUMENT.access_key_text)
    reader.authenticate()
    raw = []
    reader.send = lambda apdu: raw.append(apdu) or b"\x90\x00"
    reader.protected(Command(0, 0xB0, 0x82, 0, b"", 600), extended=True)
    assert host.command(0x40, b"\x01", raw[0])[0] == 0x40
    assert host.command(0x40, b"\x41", SELECT_APPLICATION[:5]) == b"\x00"
    assert host.command(0x40, b"\x41", SELECT_APPLICATION[5:]) == b"\x00"
    assert host.command(0x40, b"\x01").hex() == "009000"


@pytest.mark.parametrize("status", [0x01, 0x29, 0x2B])
def test_a_chip_taken_away_between_commands(status):
    host = Host(lost_status=status).ready()
    host.peer.remove_chip(host.now_ns)
    assert host.command(0x40, b"\x01", SELECT_APPLICATION) == bytes([status])
    assert host.command(0x40, b"\x01", SELECT_APPLICATION) == b"\x27"


def test_a_chip_taken_away_in_mid_exchange():
    host = Host().ready()
    assert host.send(encode(b"\xd4\x40\x01" + SELECT_APPLICATION)) == ACK
    due = host.peer.due_ns
    host.peer.remove_chip(host.now_ns)
    assert host.peer.due_ns > due
    assert host.finish()[5:8] == bytes.fromhex("d54101")


def test_a_chip_taken_away_while_it_is_activated():
    host = Host().ready()
    host.command(0x32, b"\x05\xff\x01\x00")
    host.send(encode(bytes.fromhex("d44a0100")))
    host.peer.remove_chip(host.now_ns)
    assert host.finish()[5:8] == bytes.fromhex("d54b00")


def test_a_chip_lost_at_a_byte_cannot_be_found_again():
    host = Host().ready(tag_lost_at_byte(2_000))
    reader = Terminal(host.transceive, DOCUMENT.access_key_text)
    reader.authenticate()
    assert reader.read_file(EF_DG1) == DOCUMENT.files[EF_DG1]
    assert reader.read_file(EF_DG2) is None
    host.command(0x32, b"\x05\xff\x01\x00")
    assert host.command(0x4A, b"\x01\x00") == b"\x00"
    host.peer.put_chip(Chip(card_of(DOCUMENT), seeded_random(b"")), host.now_ns)
    assert host.command(0x4A, b"\x01\x00")[0] == 1


def test_a_mute_chip_times_out():
    host = Host().ready(Behaviour(mute=True))
    before = host.now_ns
    assert host.transceive(SELECT_APPLICATION) is None
    assert host.now_ns - before == AirTiming().no_answer_ns


def test_presence_by_diagnose():
    host = Host().ready()
    assert host.command(0x00, b"\x06") == b"\x00"
    host.peer.remove_chip(host.now_ns)
    assert host.command(0x00, b"\x06") == b"\x01"
    assert host.command(0x04) == b"\x00\x00\x01\x01\x00\x00\x00\x80"
