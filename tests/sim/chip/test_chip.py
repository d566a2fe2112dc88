"""The chip: access conditions, reading in every way, its own errors, and nonsense."""

from dataclasses import replace

import pytest
from chip_samples import SELECT_APPLICATION, Terminal, passport
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.chip.apdu import Command, parse_command
from sim.chip.bac import access_keys
from sim.chip.card import Behaviour, CardState, Chip, Latency, card_of, transact
from sim.chip.faults import FAULTS, largest_read, session_ends_after, tag_lost_at_byte
from sim.chip.keys import seeded_random
from sim.chip.personalise import EF_COM, EF_DG1, EF_DG2, EF_SOD
from sim.chip.secure_messaging import encrypt_3des, retail_mac, wrapped_size

DOCUMENT = passport()
FILES = (EF_COM, EF_SOD, EF_DG1, EF_DG2)


def chip(behaviour=None, latency=None):
    return Chip(card_of(DOCUMENT, behaviour, latency), seeded_random(b"chip"))


def terminal(behaviour=None):
    held = chip(behaviour)
    return Terminal(lambda raw: held.transmit(raw)[0], DOCUMENT.access_key_text)


def opened(behaviour=None):
    reader = terminal(behaviour)
    assert reader.authenticate() == "9000"
    return reader


def plain(*commands, behaviour=None):
    """Status word, and data if any, of the last of some plain commands."""
    held = chip(behaviour)
    answer = None
    for command in commands:
        answer, _ = held.transmit(bytes.fromhex(command))
    return answer.hex()


APPLICATION = SELECT_APPLICATION.hex()


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        (["00a4040c07a0000002471001"], "9000"),
        (["00a4040007a000000247100100"], "9000"),
        (["00a4040c07a0000002471002"], "6a82"),
        (["00a4000c"], "9000"),
        (["00a4000c023f00"], "9000"),
        (["00a4020c02011c"], "6a82"),  # no EF.CardAccess: the chip knows BAC alone
        ([APPLICATION, "00a4020c02011e"], "6982"),
        ([APPLICATION, "00a4020c02ffff"], "6982"),  # nor whether a file exists
        ([APPLICATION, "00b09e0000"], "6982"),
        ([APPLICATION, "00b0000000"], "6982"),
        ([APPLICATION, "00b1011e03540100ff"], "6982"),
        (["00b0000000"], "6982"),
        (["00a4090c02011e"], "6a86"),
        (["0084000004"], "6700"),
        (["0084010008"], "6a86"),
        ([APPLICATION, "0082000028" + "00" * 40 + "28"], "6985"),  # no challenge asked
        ([APPLICATION, "0084000008", "0082000028" + "00" * 40 + "28"], "6300"),
        ([APPLICATION, "0084000008", "0082000008" + "00" * 8], "6700"),
        (["00ca000000"], "6d00"),
        (["80a4040c"], "6e00"),
        (["10a4040c"], "6884"),
        (["0ca4020c0a8e08" + "00" * 8 + "00"], "6988"),
        (["00a40400ff00"], "6700"),
        ([""], "6700"),
    ],
)
def test_status_words(commands, answer):
    assert plain(*commands) == answer


def test_a_challenge_serves_once():
    held = chip()
    reader = Terminal(lambda raw: held.transmit(raw)[0], "0" * 24)
    assert reader.authenticate() == "6300"
    again = bytes.fromhex("0082000028") + bytes(40)
    assert held.transmit(again)[0].hex() == "6985"


def token(text, challenge, own=bytes(8), half=bytes(16)):
    keys = access_keys(text)
    cryptogram = encrypt_3des(keys.enc, own + challenge + half)
    return cryptogram + retail_mac(keys.mac, cryptogram)


@pytest.mark.parametrize(
    ("stale", "flip", "answer"), [(0, 0, "9000"), (1, 0, "6300"), (0, 1, "6300")]
)
def test_a_token_needs_the_present_challenge_and_its_checksum(stale, flip, answer):
    held = chip()
    held.transmit(SELECT_APPLICATION)
    old = held.transmit(bytes.fromhex("0084000008"))[0][:8]
    new = held.transmit(bytes.fromhex("0084000008"))[0][:8]
    sent = bytearray(token(DOCUMENT.access_key_text, old if stale else new))
    sent[-1] ^= flip
    assert held.transmit(bytes.fromhex("0082000028") + sent + b"\x28")[0][-2:].hex() == answer


def test_challenges_differ():
    held = chip()
    first, second = (held.transmit(bytes.fromhex("0084000008"))[0] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("chunk", "extended"), [(0xDF, False), (112, False), (1, False), (1000, True), (65536, True)]
)
def test_every_file_reads_back(chunk, extended):
    reader = opened()
    for fid in FILES:
        if chunk == 1 and fid != EF_COM:
            continue
        assert reader.read_file(fid, chunk, extended=extended) == DOCUMENT.files[fid]


def test_short_file_identifiers():
    reader = opened()
    for fid in FILES:
        status, data = reader.protected(Command(0, 0xB0, 0x80 | fid & 0x1F, 2, b"", 8))
        assert (status.hex(), data) == ("9000", DOCUMENT.files[fid][2:10])
    # The file read that way is current now.
    status, data = reader.protected(Command(0, 0xB0, 0, 0, b"", 4))
    assert data == DOCUMENT.files[EF_DG2][:4]
    status, _ = reader.protected(Command(0, 0xB0, 0x83, 0, b"", 4))
    assert status.hex() == "6a82"


@pytest.mark.parametrize("p1p2", [0x0102, 0x0002])
def test_odd_instruction_reads_with_an_offset_object(p1p2):
    reader = opened()
    command = Command(0, 0xB1, p1p2 >> 8, p1p2 & 0xFF, bytes.fromhex("54023000"), 0x40)
    status, data = reader.protected(command)
    assert status.hex() == "9000"
    assert data[:2] == b"\x53\x3e"
    assert data[2:] == DOCUMENT.files[EF_DG2][0x3000 : 0x3000 + 0x3E]
    status, _ = reader.protected(command._replace(data=b"\x54\x05\x00\x00\x00\x00\x00"))
    assert status.hex() == "6a80"


def test_the_end_of_a_file():
    reader = opened()
    reader.protected(Command(0, 0xA4, 2, 0x0C, b"\x01\x1e", 0))
    size = len(DOCUMENT.files[EF_COM])
    assert reader.protected(Command(0, 0xB0, 0, size - 2, b"", 2))[0].hex() == "9000"
    assert reader.protected(Command(0, 0xB0, 0, size - 2, b"", 3))[0].hex() == "6282"
    assert reader.protected(Command(0, 0xB0, 0, size, b"", 1))[0].hex() == "6b00"
    assert reader.protected(Command(0, 0xB0, 0, 0, b"", 0))[0].hex() == "6700"


def test_an_answer_that_outgrows_a_short_le_is_cut_to_what_fits():
    reader = opened()
    reader.protected(Command(0, 0xA4, 2, 0x0C, b"\x01\x02", 0))
    sizes = [n for n in range(1, 257) if wrapped_size(n) <= 256]
    assert max(sizes) == 231
    assert reader.protected(Command(0, 0xB0, 0, 0, b"", 231))[0].hex() == "9000"
    content = DOCUMENT.files[EF_DG2][:231]
    assert reader.protected(Command(0, 0xB0, 0, 0, b"", 232)) == (b"\x90\x00", content)
    assert reader.protected(Command(0, 0xB0, 0, 0, b"", 231))[0].hex() == "9000"


def test_a_read_of_what_there_is_gives_what_fits():
    reader = opened()
    content = DOCUMENT.files[EF_DG2]
    reader.protected(Command(0, 0xA4, 2, 0x0C, b"\x01\x02", 0))
    whatever = Command(0, 0xB0, 0, 0, b"", 256)
    assert reader.protected(whatever) == (b"\x90\x00", content[:231])
    end = len(content) - 5
    at = Command(0, 0xB0, end >> 8, end & 0xFF, b"", 256)
    assert reader.protected(at) == (b"\x90\x00", content[-5:])
    long = reader.protected(whatever._replace(le=65_536), extended=True)
    assert long == (b"\x90\x00", content)
    by_offset = Command(0, 0xB1, 0, 0, bytes.fromhex("54023000"), 256)
    status, data = reader.protected(by_offset)
    assert (status, data[:3]) == (b"\x90\x00", b"\x53\x81\xe4")
    assert data[3:] == content[0x3000 : 0x3000 + 228]


@given(st.integers(0, 70_000))
def test_wrapped_size_is_the_size(size):
    from sim.chip.apdu import Response
    from sim.chip.secure_messaging import Session3Des

    _, wrapped = Session3Des(bytes(16), bytes(range(16)), 0).wrap(Response(0x9000, bytes(size)))
    assert len(wrapped.data) == wrapped_size(size)


def test_a_plain_command_ends_the_session():
    reader = opened()
    assert reader.send(bytes.fromhex("0084000008"))[-2:].hex() == "9000"
    assert reader.protected(Command(0, 0xB0, 0x9E, 0, b"", 4))[0].hex() == "6988"
    assert reader.authenticate() == "9000"
    assert reader.protected(Command(0, 0xB0, 0x9E, 0, b"", 4))[0].hex() == "9000"


@pytest.mark.parametrize("at", [2, 3, 6, 12, -3])
def test_a_tampered_command_ends_the_session(at):
    reader = opened()
    honest = reader.send

    def tamper(raw):
        changed = bytearray(raw)
        changed[at] ^= 1
        return honest(bytes(changed))

    reader.send = tamper
    status, _ = reader.protected(Command(0, 0xB0, 0x9E, 0, b"", 4))
    assert status.hex() in ("6988", "6987")
    reader.send = honest
    assert reader.protected(Command(0, 0xB0, 0x9E, 0, b"", 4))[0].hex() == "6988"


def test_a_replayed_command_is_refused():
    held, sent = chip(), []

    def send(raw):
        sent.append(raw)
        return held.transmit(raw)[0]

    reader = Terminal(send, DOCUMENT.access_key_text)
    reader.authenticate()
    assert reader.protected(Command(0, 0xB0, 0x9E, 0, b"", 4))[0].hex() == "9000"
    assert held.transmit(sent[-1])[0].hex() == "6988"


def test_another_documents_keys_open_nothing():
    held = chip()
    reader = Terminal(lambda raw: held.transmit(raw)[0], passport(number="X1").access_key_text)
    assert reader.authenticate() == "6300"


@pytest.mark.parametrize("limit", [223, 160, 112])
def test_read_ladder(limit):
    reader = opened(largest_read(limit))
    assert reader.read_file(EF_DG1, limit + 1).hex() == "6700"
    assert reader.read_file(EF_DG1, limit) == DOCUMENT.files[EF_DG1]


def test_a_chip_without_extended_length():
    reader = opened(FAULTS["short_length_only"].behaviour)
    of_256_bytes = b"\x00\x01\x00" + bytes(0x100) + bytes(2)
    for body in (of_256_bytes, bytes.fromhex("0000019900ff"), bytes(3)):
        assert reader.send(bytes.fromhex("0cb00000") + body).hex() == "6700"


def test_a_session_that_ends_in_mid_read():
    reader = opened(session_ends_after(3))
    status = reader.read_file(EF_DG2)
    assert status.hex() == "6988"
    assert reader.authenticate() == "9000"
    assert reader.read_file(EF_DG2) == DOCUMENT.files[EF_DG2]


def test_a_tag_lost_in_mid_read():
    held = chip(tag_lost_at_byte(1_000))
    reader = Terminal(lambda raw: held.transmit(raw)[0], DOCUMENT.access_key_text)
    reader.authenticate()
    assert reader.read_file(EF_COM) == DOCUMENT.files[EF_COM]
    assert reader.read_file(EF_DG2) is None
    held.power_up()
    assert held.silent
    assert held.transmit(SELECT_APPLICATION)[0] is None


def test_a_mute_chip():
    assert chip(Behaviour(mute=True)).transmit(SELECT_APPLICATION)[0] is None


def test_power_up_forgets_the_session():
    held = chip()
    reader = Terminal(lambda raw: held.transmit(raw)[0], DOCUMENT.access_key_text)
    reader.authenticate()
    held.power_up()
    assert reader.protected(Command(0, 0xB0, 0x9E, 0, b"", 4))[0].hex() == "6988"


def test_latency_is_data():
    slow = Latency(select_ns=7, read_ns=11, protected_byte_ns=2)
    assert chip(latency=slow).transmit(SELECT_APPLICATION)[1] == 7
    assert slow.of(bytes.fromhex("0cb00000"), bytes(6)) == 11 + 2 * 10


def test_the_function_is_pure():
    card, state = card_of(DOCUMENT), CardState()
    command = bytes.fromhex("0084000008")
    first, second = (transact(card, state, command, seeded_random(b"x")) for _ in range(2))
    assert first == second
    assert state == CardState()


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(raw):
    for held in (chip(), chip(replace(Behaviour(), extended_length=False))):
        held.transmit(SELECT_APPLICATION)
        answer, latency_ns = held.transmit(raw)
        assert len(answer) >= 2
        assert latency_ns >= 0


@settings(deadline=None)
@given(st.binary(min_size=3, max_size=3), st.binary(max_size=64))
def test_any_protected_bytes_get_an_answer(header, body):
    reader = opened()
    raw = b"\x0c" + header + bytes([len(body)]) + body + b"\x00"
    assert len(reader.send(raw)) >= 2


@settings(deadline=None)
@given(
    st.sampled_from([0xA4, 0xB0, 0xB1, 0x84, 0x82, 0x00, 0xFF]),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=20),
    st.integers(0, 65536),
)
def test_any_authentic_command_gets_an_authentic_answer(ins, p1, p2, data, le):
    """`Terminal.protected` checks the answer's own protection."""
    reader = opened()
    status, _ = reader.protected(Command(0, ins, p1, p2, data, le), extended=True)
    assert len(status) == 2
    assert reader.protected(Command(0, 0x84, 0, 0, b"", 8))[0].hex() == "9000"


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        ("00a4040c", (b"", 0)),
        ("00b0000000", (b"", 256)),
        ("00b00000df", (b"", 0xDF)),
        ("00a4020c02011e", (b"\x01\x1e", 0)),
        ("00a4020c02011e00", (b"\x01\x1e", 256)),
        ("00b00000000000", (b"", 65536)),
        ("00b00000000100", (b"", 256)),
        ("00a4020c000002011e", (b"\x01\x1e", 0)),
        ("00a4020c000002011e0000", (b"\x01\x1e", 65536)),
        ("00a4020c000002011e1000", (b"\x01\x1e", 4096)),
        ("00a4020c03011e", None),
        ("00a4020c02011e0000", None),
        ("00a4020c0000020111e1", None),
        ("00a4020c0000000000", None),
        ("00a402", None),
    ],
)
def test_the_cases_of_iso_7816(raw, parsed):
    command = parse_command(bytes.fromhex(raw))
    assert (command and (command.data, command.le)) == parsed
