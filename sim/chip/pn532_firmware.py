"""What a PN532 does with a command (NXP UM0701-02, chapter 7): its firmware, field and chip.

No bytes of the serial line here: a packet's command goes in, a `Job` comes out, which says
what is answered and when, were nothing to happen in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sim.chip.air import RATES_KBIT_S, AirTiming
from sim.chip.card import Chip
from sim.chip.keys import Random

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
"""By the code of SetSerialBaudRate (7.2.8)."""

STATUS_OK = 0x00
STATUS_TIMEOUT = 0x01
STATUS_CONTEXT = 0x27
STATUS_RELEASED = 0x29
STATUS_DISAPPEARED = 0x2B
_MORE = 0x40

CHUNK = 262
"""Most bytes of data in one InDataExchange, either way (7.3.8)."""
_LONGEST_COMMAND = 65_544

_FIRMWARE = bytes.fromhex("32010607")
_SENS_RES = bytes.fromhex("0008")
_SEL_RES = bytes.fromhex("20")
ANSWER_TO_SELECT = bytes.fromhex("067877950280")
"""FSC 256, 106 to 848 kbit/s each way, FWI 9, SFGI 5, CID; one historical byte."""

_AUTOMATIC_RATS = 0x10
_POWER_UP_PARAMETERS = 0x14
_ENDLESS = 0xFF
_LIST_PASSIVE_TARGET_ANSWER = 0x4B


@dataclass(frozen=True)
class Job:
    """What the PN532 is busy with: the packet it will answer, and when.

    A job that `polls` looks for a chip until `due_ns` (None: for ever); one that needs the
    chip fails when the chip leaves. `baud` holds once the host has acknowledged the answer;
    after the answer of a job that `sleeps` the PN532 hears only a wake-up.
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
        self._release()
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
            0x44: (1, self._select_or_release),
            0x4A: (2, self._list_passive_target),
            0x4E: (3, self._speed),
            0x52: (1, self._select_or_release),
        }

    def _release(self) -> None:
        self._active = False
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
        self._release()
        self._active = True
        self._chip.power_up()
        uid = b"\x08" + self._random(3)  # a random identifier (ISO/IEC 14443-3, 6.5.4)
        select = ANSWER_TO_SELECT if self._parameters & _AUTOMATIC_RATS else b""
        target = b"\x01" + _SENS_RES + _SEL_RES + bytes((len(uid),)) + uid + select
        due_ns = self._now_ns + self._timing.activation_ns
        return Job(due_ns, bytes((code, 1)) + target, needs_chip=True)

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
        return None

    def _firmware_version(self, code: int, _data: bytes) -> Job:
        return self._quick(code, _FIRMWARE)

    def _general_status(self, code: int, _data: bytes) -> Job:
        rates = bytes((_rate_code(self._rate_in), _rate_code(self._rate_out)))
        target = b"\x01\x01" + rates + b"\x00" if self._active else b"\x00"
        field = b"\x01" if self._chip is not None else b"\x00"
        return self._quick(code, b"\x00" + field + target + b"\x80")

    def _read_register(self, code: int, data: bytes) -> Job | None:
        if len(data) % 2:
            return None
        addresses = (data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
        return self._quick(code, bytes(self._registers.get(a, 0) for a in addresses))

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
        self._release()
        return replace(self._quick(code, bytes((STATUS_OK,))), sleeps=True)

    def _rf_configuration(self, code: int, data: bytes) -> Job | None:
        item, values = data[0], data[1:]
        if item == 0x01 and not values[0] & 0x01:
            self._release()
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
        return self._activation(code)

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
