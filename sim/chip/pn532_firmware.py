"""What a PN532 does with a command (NXP UM0701-02, chapter 7): its controller.

No bytes of the serial line here: a packet's command goes in, a `Job` comes out, which says
what is answered and when, were nothing to happen in between. The field and the chip in it are
`sim.chip.pn532_field`.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.chip.air import RATES_KBIT_S, AirTiming
from sim.chip.card import Chip
from sim.chip.keys import Random
from sim.chip.other_card import OtherCard
from sim.chip.pn532_field import Pn532Field
from sim.chip.pn532_job import STATUS_OK, STATUS_TIMEOUT, Job

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
"""By the code of SetSerialBaudRate (7.2.8)."""

_FIRMWARE = bytes.fromhex("32010607")
_AUTOMATIC_RATS = 0x10
_TX_CONTROL, _FIFO_DATA = 0x6304, 0x6339
_SENS_REQ = 0x26
_SELF_TESTS = (0x01, 0x02, 0x05, 0x07)
"""ROM, RAM, echo and antenna: all well."""


class Pn532Firmware:
    """The commands of a PN532 as initiator.

    Args:
        random: draws the chip's identifiers.
        timing: of the air.
        lost_status: the status of an exchange whose chip is gone.
    """

    def __init__(self, random: Random, timing: AirTiming, lost_status: int) -> None:
        self._field = field = Pn532Field(random, timing, lost_status)
        self._configured = False
        self._registers: dict[int, int] = {}
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
            0x40: (1, field.data_exchange),
            0x42: (0, field.communicate_thru),
            0x44: (1, field.deselect_or_release),
            0x46: (3, field.no_peer),
            0x4A: (2, self._list_passive_target),
            0x4E: (3, field.speed),
            0x50: (2, field.no_peer),
            0x52: (1, field.deselect_or_release),
            0x54: (1, field.select),
            0x56: (3, field.no_peer),
            0x60: (3, self._auto_poll),
            0x8C: (37, self._be_target),
        }

    def start(self, command: bytes, now_ns: int) -> Job | None:
        """Begin a command (its code, then parameters); None is a syntax error."""
        self._field.now_ns = now_ns
        code, parameters = command[0], command[1:]
        if code not in self._commands:
            return None
        least, handler = self._commands[code]
        return handler(code + 1, parameters) if len(parameters) >= least else None

    def put_chip(self, chip: Chip, job: Job | None, now_ns: int) -> Job | None:
        """A chip comes into the field during `job`; gives what the PN532 is busy with now."""
        self._field.now_ns = now_ns
        return self._field.put_chip(chip, job)

    def put_beside(self, *cards: OtherCard) -> None:
        """Other cards lie with the document from now on."""
        self._field.put_beside(*cards)

    def remove_chip(self, job: Job | None, now_ns: int) -> Job | None:
        """The chip leaves the field during `job`; gives what the PN532 is busy with now."""
        self._field.now_ns = now_ns
        return self._field.remove_chip(job)

    def _quick(self, code: int, data: bytes = b"") -> Job:
        return self._field.quick(code, data)

    def _write_gpio(self, code: int, _data: bytes) -> Job:
        return self._quick(code)

    def _diagnose(self, code: int, data: bytes) -> Job | None:
        if data[0] == 0x00:  # communication line test: everything comes back
            return self._quick(code, data)
        if data[0] == 0x06:  # is the chip still there?
            status = STATUS_OK if self._field.present else STATUS_TIMEOUT
            return self._quick(code, bytes((status,)))
        if data[0] in _SELF_TESTS:
            return self._quick(code, bytes((STATUS_OK,)))
        return None

    def _firmware_version(self, code: int, _data: bytes) -> Job:
        return self._quick(code, _FIRMWARE)

    def _general_status(self, code: int, _data: bytes) -> Job:
        rates = bytes((_rate_code(self._field.rate_in), _rate_code(self._field.rate_out)))
        target = b"\x01\x01" + rates + b"\x00" if self._field.active else b"\x00"
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
            return self._registers.get(address, 0) & 0xFC | (0x03 if self._field.on else 0)
        if address == _FIFO_DATA:
            return 0 if self._field.active else _SENS_REQ
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
        return self._quick(code)._replace(baud=BAUDS[data[0]])

    def _set_parameters(self, code: int, data: bytes) -> Job:
        self._field.settings.automatic_rats = bool(data[0] & _AUTOMATIC_RATS)
        return self._quick(code)

    def _sam_configuration(self, code: int, data: bytes) -> Job | None:
        if not 1 <= data[0] <= 4:
            return None
        self._configured = True
        return self._quick(code)

    def _power_down(self, code: int, _data: bytes) -> Job:
        self._field.switch(on=False)
        return self._quick(code, bytes((STATUS_OK,)))._replace(sleeps=True)

    def _rf_configuration(self, code: int, data: bytes) -> Job | None:
        item, values = data[0], data[1:]
        if item == 0x01:
            if bool(values[0] & 0x01) != self._field.on:
                self._field.switch(on=not self._field.on)
        elif item == 0x02:
            if len(values) != 3 or values[2] > 0x10:
                return None
            self._field.settings.thru_timeout = values[2]
        elif item == 0x05:
            if len(values) != 3:
                return None
            self._field.settings.passive_retries = values[2]
        return self._quick(code)

    def _list_passive_target(self, code: int, data: bytes) -> Job | None:
        return self._field.list_passive_target(code, data) if self._configured else None

    def _auto_poll(self, code: int, data: bytes) -> Job | None:
        return self._field.auto_poll(code, data) if self._configured else None

    def _be_target(self, code: int, _data: bytes) -> Job:
        """TgInitAsTarget: no initiator ever comes; the host's ACK ends the wait."""
        self._field.release()
        return Job(None, bytes((code,)))


def _rate_code(rate_kbit_s: int) -> int:
    return RATES_KBIT_S.index(rate_kbit_s)
