"""What a PN532 does with a command (NXP UM0701-02, chapter 7): its firmware, field and chip.

No bytes of the serial line here: a packet's command goes in, a `Job` comes out, which says
what is answered and when, were nothing to happen in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sim.chip.air import RATES_KBIT_S, AirTiming
from sim.chip.card import Chip
from sim.chip.iso_dep import ANSWER_TO_SELECT, BlockChannel
from sim.chip.keys import Random

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
"""By the code of SetSerialBaudRate (7.2.8)."""

STATUS_OK = 0x00
STATUS_TIMEOUT = 0x01
STATUS_CONTEXT = 0x27
_MORE = 0x40

CHUNK = 262
"""Most bytes of data in one InDataExchange, either way (7.3.8)."""
_LONGEST_COMMAND = 65_544

_FIRMWARE = bytes.fromhex("32010607")
_SENS_RES = bytes.fromhex("0008")
_SEL_RES = bytes.fromhex("20")
_AUTOMATIC_RATS = 0x10
_POWER_UP_PARAMETERS = 0x14
_ENDLESS = 0xFF
_LIST_PASSIVE_TARGET_ANSWER = 0x4B
_OWN_FRAME_SIZE = 64
"""FSD of the RATS that the PN532 sends by itself."""
_ISO_DEP_TYPE_A = 0x20
_TYPE_A = (0x00, 0x10, _ISO_DEP_TYPE_A)
"""Types of InAutoPoll (7.3.13) that find a passport of type A."""
_AUTO_POLL_NS = 150_000_000
_TIMEOUT_UNIT_NS = 100_000
_TX_CONTROL, _FIFO_DATA = 0x6304, 0x6339
_SENS_REQ = 0x26
_SELF_TESTS = (0x01, 0x02, 0x05, 0x07)
"""ROM, RAM, echo and antenna: all well."""


@dataclass(frozen=True)
class Job:
    """What the PN532 is busy with: the packet it will answer, and when.

    A job that `polls` looks for a chip until `due_ns` (None: for ever); one that needs the
    chip fails when the chip leaves. `baud` holds once the host has acknowledged the answer;
    after the answer of a job that `sleeps` the PN532 accepts only a wake-up.
    """

    due_ns: int | None
    packet: bytes
    needs_chip: bool = False
    polls: bool = False
    baud: int | None = None
    sleeps: bool = False


class Pn532Firmware:
    """The commands of a PN532 as initiator, with room for one chip in its field."""

    def __init__(self, random: Random, timing: AirTiming, lost_status: int) -> None:
        self._random = random
        self._timing = timing
        self._lost_status = lost_status
        self._now_ns = 0
        self._chip: Chip | None = None
        self._configured = False
        self._parameters = _POWER_UP_PARAMETERS
        self._passive_retries = _ENDLESS
        self._registers: dict[int, int] = {}
        self._uid = b""
        self._thru_timeout = 0x0A
        self._switch_field(on=False)
        self._commands: dict[int, tuple[int, Callable[[int, bytes], Job | None]]] = {
            0x00: (1, self._diagnose),
            0x02: (0, self._firmware_version),
            0x04: (0, self._general_status),
            0x06: (2, self._read_register),
            0x08: (3, self._write_register),
            0x0C: (0, self._read_gpio),
            0x0E: (2, self._write_gpio),
            0x10: (1, self._serial_baud_rate),
            0x12: (1, self._set_parameters),
            0x14: (1, self._sam_configuration),
            0x16: (1, self._power_down),
            0x32: (2, self._rf_configuration),
            0x40: (1, self._data_exchange),
            0x42: (0, self._communicate_thru),
            0x44: (1, self._select_or_release),
            0x46: (3, self._no_peer),
            0x4A: (2, self._list_passive_target),
            0x4E: (3, self._speed),
            0x50: (2, self._no_peer),
            0x52: (1, self._select_or_release),
            0x54: (1, self._select),
            0x56: (3, self._no_peer),
            0x60: (3, self._auto_poll),
            0x8C: (37, self._be_target),
        }

    def _switch_field(self, *, on: bool) -> None:
        """Without the field the chip forgets its random identifier, too."""
        self._release()
        self._field = on
        if not on:
            self._uid = b""

    def _release(self) -> None:
        self._active = False
        self._blocks: BlockChannel | None = None
        self._rate_in = self._rate_out = RATES_KBIT_S[0]
        self._command = bytearray()
        self._response = b""

    def start(self, command: bytes, now_ns: int) -> Job | None:
        """Begin a command (its code, then parameters); None is a syntax error."""
        self._now_ns = now_ns
        code, parameters = command[0], command[1:]
        if code not in self._commands:
            return None
        least, handler = self._commands[code]
        return handler(code + 1, parameters) if len(parameters) >= least else None

    def put_chip(self, chip: Chip, job: Job | None, now_ns: int) -> Job | None:
        """A chip comes into the field during `job`; gives what the PN532 is busy with now."""
        self._now_ns = now_ns
        self._chip = chip
        self._uid = b""
        chip.power_up()
        return self._activation(job.packet[0]) if job and job.polls else job

    def remove_chip(self, job: Job | None, now_ns: int) -> Job | None:
        """The chip leaves the field during `job`; gives what the PN532 is busy with now."""
        self._now_ns = now_ns
        self._chip = None
        return self._silence(job.packet[0]) if job and job.needs_chip else job

    def _silence(self, code: int) -> Job:
        self._release()
        if code == _LIST_PASSIVE_TARGET_ANSWER:
            return self._polling(code)
        return Job(self._now_ns + self._timing.no_answer_ns, bytes((code, self._lost_status)))

    def _polling(self, code: int) -> Job:
        retries = self._passive_retries
        endless = retries == _ENDLESS
        due_ns = None if endless else self._now_ns + (retries + 1) * self._timing.poll_ns
        return Job(due_ns, bytes((code, 0)), polls=True)

    def _activation(self, code: int) -> Job:
        if self._chip is None or self._chip.silent:
            return self._polling(code)
        target = b"\x01" + self._activate(self._chip)
        due_ns = self._now_ns + self._timing.activation_ns
        return Job(due_ns, bytes((code, 1)) + target, needs_chip=True)

    def _activate(self, chip: Chip) -> bytes:
        """Anticollision, and RATS where the PN532 is to send it: the target's data."""
        self._release()
        self._active = self._field = True
        chip.power_up()
        # A random identifier (ISO/IEC 14443-3, 6.5.4), drawn when the chip gets its power.
        self._uid = self._uid or b"\x08" + self._random(3)
        select = b""
        frame_size = None
        if self._parameters & _AUTOMATIC_RATS:
            select, frame_size = ANSWER_TO_SELECT, _OWN_FRAME_SIZE
        self._blocks = BlockChannel(chip, frame_size)
        return _SENS_RES + _SEL_RES + bytes((len(self._uid),)) + self._uid + select

    def _quick(self, code: int, data: bytes = b"") -> Job:
        return Job(self._now_ns + self._timing.command_ns, bytes((code,)) + data)

    def _write_gpio(self, code: int, _data: bytes) -> Job:
        return self._quick(code)

    def _diagnose(self, code: int, data: bytes) -> Job | None:
        if data[0] == 0x00:  # communication line test: everything comes back
            return self._quick(code, data)
        if data[0] == 0x06:  # is the chip still there?
            present = self._active and self._chip is not None and not self._chip.silent
            return self._quick(code, bytes((STATUS_OK if present else STATUS_TIMEOUT,)))
        if data[0] in _SELF_TESTS:
            return self._quick(code, bytes((STATUS_OK,)))
        return None

    def _firmware_version(self, code: int, _data: bytes) -> Job:
        return self._quick(code, _FIRMWARE)

    def _general_status(self, code: int, _data: bytes) -> Job:
        rates = bytes((_rate_code(self._rate_in), _rate_code(self._rate_out)))
        target = b"\x01\x01" + rates + b"\x00" if self._active else b"\x00"
        # No error, no external field; the SAM's state at the end.
        return self._quick(code, b"\x00\x00" + target + b"\x80")

    def _read_register(self, code: int, data: bytes) -> Job | None:
        if len(data) % 2:
            return None
        addresses = (data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
        return self._quick(code, bytes(map(self._register, addresses)))

    def _register(self, address: int) -> int:
        """What a host looks at to learn whether the field is on and whether no card answered."""
        if address == _TX_CONTROL:
            return self._registers.get(address, 0) & 0xFC | (0x03 if self._field else 0)
        if address == _FIFO_DATA:
            return 0 if self._active else _SENS_REQ
        return self._registers.get(address, 0)

    def _write_register(self, code: int, data: bytes) -> Job | None:
        if len(data) % 3:
            return None
        for i in range(0, len(data), 3):
            self._registers[data[i] << 8 | data[i + 1]] = data[i + 2]
        return self._quick(code)

    def _read_gpio(self, code: int, _data: bytes) -> Job:
        return self._quick(code, bytes.fromhex("3F0600"))

    def _serial_baud_rate(self, code: int, data: bytes) -> Job | None:
        if data[0] >= len(BAUDS):
            return None
        return replace(self._quick(code), baud=BAUDS[data[0]])

    def _set_parameters(self, code: int, data: bytes) -> Job:
        self._parameters = data[0]
        return self._quick(code)

    def _sam_configuration(self, code: int, data: bytes) -> Job | None:
        if not 1 <= data[0] <= 4:
            return None
        self._configured = True
        return self._quick(code)

    def _power_down(self, code: int, _data: bytes) -> Job:
        self._switch_field(on=False)
        return replace(self._quick(code, bytes((STATUS_OK,))), sleeps=True)

    def _rf_configuration(self, code: int, data: bytes) -> Job | None:
        item, values = data[0], data[1:]
        if item == 0x01:
            if bool(values[0] & 0x01) != self._field:
                self._switch_field(on=not self._field)
        elif item == 0x02:
            if len(values) != 3 or values[2] > 0x10:
                return None
            self._thru_timeout = values[2]
        elif item == 0x05:
            if len(values) != 3:
                return None
            self._passive_retries = values[2]
        return self._quick(code)

    def _list_passive_target(self, code: int, data: bytes) -> Job | None:
        if not self._configured or not 1 <= data[0] <= 2 or data[1] > 4:
            return None
        self._release()
        if data[1] != 0x00:  # a passport here is type A: other modulations stay unanswered
            return replace(self._polling(code), polls=False)
        named = data[2:]
        if named and named != self._uid:  # the host names one chip, and that is not here
            return replace(self._polling(code), polls=False)
        return self._activation(code)

    def _auto_poll(self, code: int, data: bytes) -> Job | None:
        """InAutoPoll (7.3.13): rounds, period in 150 ms, types of targets."""
        rounds, period, types = data[0], data[1], data[2:]
        if not self._configured or not rounds or not 1 <= period <= 0x0F or len(types) > 15:
            return None
        self._release()
        if self._chip is None or self._chip.silent or not set(types) & set(_TYPE_A):
            took_ns = rounds * period * len(types) * _AUTO_POLL_NS
            due_ns = None if rounds == _ENDLESS else self._now_ns + took_ns
            return Job(due_ns, bytes((code, 0)))
        target = b"\x01" + self._activate(self._chip)
        found = bytes((code, 1, _ISO_DEP_TYPE_A, len(target))) + target
        return Job(self._now_ns + self._timing.activation_ns, found, needs_chip=True)

    def _no_peer(self, code: int, _data: bytes) -> Job:
        """InJumpForDEP, InJumpForPSL, InATR: a passport speaks no NFCIP-1."""
        self._release()
        return Job(self._now_ns + self._timing.no_answer_ns, bytes((code, STATUS_TIMEOUT)))

    def _be_target(self, code: int, _data: bytes) -> Job:
        """TgInitAsTarget: no initiator ever comes; the host's ACK ends the wait."""
        self._release()
        return Job(None, bytes((code,)))

    def _select(self, code: int, data: bytes) -> Job:
        status = STATUS_OK if self._active and data[0] == 1 else STATUS_CONTEXT
        return self._quick(code, bytes((status,)))

    def _select_or_release(self, code: int, data: bytes) -> Job:
        if data[0] > 1:
            return self._quick(code, bytes((STATUS_CONTEXT,)))
        self._release()
        return self._quick(code, bytes((STATUS_OK,)))

    def _speed(self, code: int, data: bytes) -> Job:
        if not self._active or data[0] != 1 or max(data[1:3]) >= len(RATES_KBIT_S):
            return self._quick(code, bytes((STATUS_CONTEXT,)))
        self._rate_out, self._rate_in = RATES_KBIT_S[data[1]], RATES_KBIT_S[data[2]]
        return self._quick(code, bytes((STATUS_OK,)))

    def _data_exchange(self, code: int, data: bytes) -> Job:
        target, part = data[0], data[1:]
        if not self._active or target & 0x3F != 1:
            return self._quick(code, bytes((STATUS_CONTEXT,)))
        if not self._parameters & _AUTOMATIC_RATS:  # no protocol of the PN532's own is on
            return self._communicate_thru(code, part)
        if self._response and not part:
            return self._answer(code, 0)
        self._response = b""
        self._command += part
        if len(self._command) > _LONGEST_COMMAND:
            self._command.clear()
            return self._quick(code, bytes((STATUS_CONTEXT,)))
        if self._chip is None or self._chip.silent:
            return self._silence(code)
        if target & _MORE:
            took_ns = self._timing.command_ns + self._sending_ns(len(part))
            return Job(self._now_ns + took_ns, bytes((code, STATUS_OK)), needs_chip=True)
        command, self._command = bytes(self._command), bytearray()
        response, chip_ns = self._chip.transmit(command)
        if response is None:
            return self._silence(code)
        self._response = response
        return self._answer(code, chip_ns + self._sending_ns(len(part)))

    def _communicate_thru(self, code: int, frame: bytes) -> Job:
        """One frame to the chip as the host wrote it (7.3.9); CRC is the PN532's."""
        if not self._active or self._blocks is None or not frame:
            return self._quick(code, bytes((STATUS_TIMEOUT,)))
        if self._chip is None or self._chip.silent:
            return self._silence(code)
        timeout = self._thru_timeout
        limit_ns = _TIMEOUT_UNIT_NS << (timeout - 1) if timeout else None
        reply = self._blocks.receive(frame)
        before_ns = self._timing.command_ns + self._sending_ns(len(frame))
        if reply is None or (limit_ns is not None and reply.after_ns > limit_ns):
            waited_ns = before_ns + limit_ns if limit_ns is not None else None
            due_ns = None if waited_ns is None else self._now_ns + waited_ns
            return Job(due_ns, bytes((code, STATUS_TIMEOUT)), needs_chip=True)
        before_ns += reply.after_ns
        air_ns = self._timing.to_reader_ns(len(reply.frame), self._rate_in)
        due_ns = self._now_ns + before_ns + air_ns
        return Job(due_ns, bytes((code, STATUS_OK)) + reply.frame, needs_chip=True)

    def _sending_ns(self, size: int) -> int:
        return self._timing.to_chip_ns(size, self._rate_out)

    def _answer(self, code: int, before_ns: int) -> Job:
        """The next chunk of the chip's response, with the bit that says whether more follows."""
        part, self._response = self._response[:CHUNK], self._response[CHUNK:]
        air_ns = self._timing.to_reader_ns(len(part), self._rate_in)
        status = STATUS_OK | (_MORE if self._response else 0)
        due_ns = self._now_ns + self._timing.command_ns + before_ns + air_ns
        return Job(due_ns, bytes((code, status)) + part, needs_chip=True)


def _rate_code(rate_kbit_s: int) -> int:
    return RATES_KBIT_S.index(rate_kbit_s)
