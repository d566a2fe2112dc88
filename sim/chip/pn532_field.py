"""The radio side of a PN532: its field, the chip in it, and what is exchanged with it.

Commands of chapter 7.3 of NXP UM0701-02 that concern a target; those of the controller are in
`sim.chip.pn532_firmware`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.chip.air import RATES_KBIT_S, AirTiming
from sim.chip.card import Chip
from sim.chip.iso_dep import ANSWER_TO_SELECT, BlockChannel
from sim.chip.keys import Random
from sim.chip.other_card import OtherCard
from sim.chip.pn532_job import STATUS_CONTEXT, STATUS_OK, STATUS_TIMEOUT, Job

CHUNK = 262
"""Most bytes of data in one InDataExchange, either way (7.3.8)."""
_MORE = 0x40
_LONGEST_COMMAND = 65_544

_SENS_RES = bytes.fromhex("0008")
_SEL_RES = bytes.fromhex("20")
_ENDLESS = 0xFF
_LIST_PASSIVE_TARGET_ANSWER = 0x4B
_OWN_FRAME_SIZE = 64
"""FSD of the RATS that the PN532 sends by itself."""
_ISO_DEP_TYPE_A = 0x20
_TYPE_A = (0x00, 0x10, _ISO_DEP_TYPE_A)
"""Types of InAutoPoll (7.3.13) that find a passport of type A."""
_AUTO_POLL_NS = 150_000_000
_TIMEOUT_UNIT_NS = 100_000


@dataclass
class FieldSettings:
    """What the host has set for the field, as after power-up.

    Attributes:
        passive_retries: of InListPassiveTarget; 0xFF is for ever (7.3.1).
        thru_timeout: of InCommunicateThru, by its code (7.3.1); 0 is none.
        automatic_rats: whether the PN532 itself speaks ISO/IEC 14443-4 (7.2.9).
    """

    passive_retries: int = _ENDLESS
    thru_timeout: int = 0x0A
    automatic_rats: bool = True


class Pn532Field:
    """The field of a PN532 as initiator, with room for one chip.

    Args:
        random: draws the chip's identifiers.
        timing: of the air.
        lost_status: the status of an exchange whose chip is gone.

    Attributes:
        settings: what the host has set.
        now_ns: the time of the command under way.
        on: whether there is a field.
        active: whether a target is selected.
        rate_in, rate_out: kbit/s from the chip and to it.
    """

    def __init__(self, random: Random, timing: AirTiming, lost_status: int) -> None:
        self._random = random
        self._timing = timing
        self._lost_status = lost_status
        self._chip: Chip | None = None
        self._beside: tuple[OtherCard, ...] = ()
        self._listed: tuple[Chip | OtherCard, ...] = ()
        self._selected: Chip | OtherCard | None = None
        self._number = 1
        self._uid = b""
        self.settings = FieldSettings()
        self.now_ns = 0
        self.switch(on=False)

    @property
    def present(self) -> bool:
        """Whether the selected chip is still there and answers."""
        return self.active and self._chip is not None and not self._chip.silent

    def switch(self, *, on: bool) -> None:
        """Turn the field on or off. Without it the chip forgets its random identifier, too."""
        self.release()
        self.on = on
        if not on:
            self._uid = b""

    def release(self) -> None:
        """No target is selected any more."""
        self.active = False
        self._blocks: BlockChannel | None = None
        self.rate_in = self.rate_out = RATES_KBIT_S[0]
        self._command = bytearray()
        self._response = b""

    def put_chip(self, chip: Chip, job: Job | None) -> Job | None:
        """A chip comes into the field during `job`; gives what the PN532 is busy with now."""
        self._chip = chip
        self._uid = b""
        chip.power_up()
        return self._activation(job.packet[0]) if job and job.polls else job

    def put_beside(self, *cards: OtherCard) -> None:
        """Other cards lie with the document from now on; none takes them away."""
        self._beside = cards

    def remove_chip(self, job: Job | None) -> Job | None:
        """The chip leaves the field during `job`; gives what the PN532 is busy with now."""
        if self._selected is self._chip:
            self._selected = None
        self._chip = None
        return self._silence(job.packet[0]) if job and job.needs_chip else job

    def _silence(self, code: int) -> Job:
        self.release()
        if code == _LIST_PASSIVE_TARGET_ANSWER:
            return self._polling(code)
        return Job(self.now_ns + self._timing.no_answer_ns, bytes((code, self._lost_status)))

    def _polling(self, code: int) -> Job:
        retries = self.settings.passive_retries
        endless = retries == _ENDLESS
        due_ns = None if endless else self.now_ns + (retries + 1) * self._timing.poll_ns
        return Job(due_ns, bytes((code, 0)), polls=True)

    def _activation(self, code: int) -> Job:
        if self._chip is None or self._chip.silent:
            return self._polling(code)
        target = b"\x01" + self._activate(self._chip)
        due_ns = self.now_ns + self._timing.activation_ns
        return Job(due_ns, bytes((code, 1)) + target, needs_chip=True)

    def _activate(self, chip: Chip) -> bytes:
        """Anticollision, and RATS where the PN532 is to send it: the target's data."""
        self.release()
        self.active = self.on = True
        self._listed, self._selected, self._number = (chip,), chip, 1
        chip.power_up()
        # A random identifier (ISO/IEC 14443-3, 6.5.4), drawn when the chip gets its power.
        self._uid = self._uid or b"\x08" + self._random(3)
        select = b""
        frame_size = None
        if self.settings.automatic_rats:
            select, frame_size = ANSWER_TO_SELECT, _OWN_FRAME_SIZE
        self._blocks = BlockChannel(chip, frame_size)
        return _SENS_RES + _SEL_RES + bytes((len(self._uid),)) + self._uid + select

    def quick(self, code: int, data: bytes = b"") -> Job:
        """An answer that needs no chip."""
        return Job(self.now_ns + self._timing.command_ns, bytes((code,)) + data)

    def list_passive_target(self, code: int, data: bytes) -> Job | None:
        """InListPassiveTarget (7.3.5): number of targets, modulation, one chip's identifier."""
        if not 1 <= data[0] <= 2 or data[1] > 4:
            return None
        self.release()
        if self._beside and data[1] in (0x00, 0x03):
            return self._list_several(code, data[0], type_b=data[1] == 0x03)
        if data[1] != 0x00:  # a passport here is type A: other modulations stay unanswered
            return self._polling(code)._replace(polls=False)
        named = data[2:]
        if named and named != self._uid:  # the host names one chip, and that is not here
            return self._polling(code)._replace(polls=False)
        return self._activation(code)

    def _list_several(self, code: int, most: int, *, type_b: bool) -> Job:
        """The document among other cards, in the order in which they answer."""
        cards: list[Chip | OtherCard] = [c for c in self._beside if c.type_b == type_b and c.before]
        if not type_b and self._chip is not None and not self._chip.silent:
            cards.append(self._chip)
        cards += [c for c in self._beside if c.type_b == type_b and not c.before]
        if not cards:
            return self._polling(code)._replace(polls=False)
        listed, found = cards[:most], b""
        for number, card in enumerate(listed, 1):
            data = self._activate(card) if isinstance(card, Chip) else card.target_data
            found += bytes((number,)) + data
        self.active = self.on = True
        self._listed, self._selected, self._number = tuple(listed), listed[0], 1
        due_ns = self.now_ns + self._timing.activation_ns * len(listed)
        return Job(due_ns, bytes((code, len(listed))) + found, needs_chip=True)

    def auto_poll(self, code: int, data: bytes) -> Job | None:
        """InAutoPoll (7.3.13): rounds, period in 150 ms, types of targets."""
        rounds, period, types = data[0], data[1], data[2:]
        if not rounds or not 1 <= period <= 0x0F or len(types) > 15:
            return None
        self.release()
        if self._chip is None or self._chip.silent or not set(types) & set(_TYPE_A):
            took_ns = rounds * period * len(types) * _AUTO_POLL_NS
            due_ns = None if rounds == _ENDLESS else self.now_ns + took_ns
            return Job(due_ns, bytes((code, 0)))
        target = b"\x01" + self._activate(self._chip)
        found = bytes((code, 1, _ISO_DEP_TYPE_A, len(target))) + target
        return Job(self.now_ns + self._timing.activation_ns, found, needs_chip=True)

    def no_peer(self, code: int, _data: bytes) -> Job:
        """InJumpForDEP, InJumpForPSL, InATR: a passport speaks no NFCIP-1."""
        self.release()
        return Job(self.now_ns + self._timing.no_answer_ns, bytes((code, STATUS_TIMEOUT)))

    def select(self, code: int, data: bytes) -> Job:
        """InSelect (7.3.12)."""
        known = self.active and 1 <= data[0] <= len(self._listed)
        if known:
            self._number, self._selected = data[0], self._listed[data[0] - 1]
        status = STATUS_OK if known else STATUS_CONTEXT
        return self.quick(code, bytes((status,)))

    def deselect_or_release(self, code: int, data: bytes) -> Job:
        """InDeselect and InRelease (7.3.10, 7.3.11)."""
        if data[0] > 1:
            return self.quick(code, bytes((STATUS_CONTEXT,)))
        self.release()
        return self.quick(code, bytes((STATUS_OK,)))

    def speed(self, code: int, data: bytes) -> Job:
        """InPSL (7.3.7): speeds to the chip and from it."""
        if not self.active or data[0] != self._number or max(data[1:3]) >= len(RATES_KBIT_S):
            return self.quick(code, bytes((STATUS_CONTEXT,)))
        self.rate_out, self.rate_in = RATES_KBIT_S[data[1]], RATES_KBIT_S[data[2]]
        return self.quick(code, bytes((STATUS_OK,)))

    def data_exchange(self, code: int, data: bytes) -> Job:
        """InDataExchange (7.3.8): a command APDU, or a part of it."""
        target, part = data[0], data[1:]
        if not self.active or target & 0x3F != self._number:
            return self.quick(code, bytes((STATUS_CONTEXT,)))
        if not self.settings.automatic_rats:  # no protocol of the PN532's own is on
            return self.communicate_thru(code, part)
        if self._response and not part:
            return self._answer(code, 0)
        self._response = b""
        self._command += part
        if len(self._command) > _LONGEST_COMMAND:
            self._command.clear()
            return self.quick(code, bytes((STATUS_CONTEXT,)))
        if self._selected is None or self._selected.silent:
            return self._silence(code)
        if target & _MORE:
            took_ns = self._timing.command_ns + self._sending_ns(len(part))
            return Job(self.now_ns + took_ns, bytes((code, STATUS_OK)), needs_chip=True)
        command, self._command = bytes(self._command), bytearray()
        response, chip_ns = self._selected.transmit(command)
        if response is None:
            return self._silence(code)
        self._response = response
        return self._answer(code, chip_ns + self._sending_ns(len(part)))

    def communicate_thru(self, code: int, frame: bytes) -> Job:
        """One frame to the chip as the host wrote it (7.3.9); CRC is the PN532's."""
        if not self.active or self._blocks is None or not frame:
            return self.quick(code, bytes((STATUS_TIMEOUT,)))
        if self._selected is None or self._selected.silent:
            return self._silence(code)
        timeout = self.settings.thru_timeout
        limit_ns = _TIMEOUT_UNIT_NS << (timeout - 1) if timeout else None
        reply = self._blocks.receive(frame)
        before_ns = self._timing.command_ns + self._sending_ns(len(frame))
        if reply is None or (limit_ns is not None and reply.after_ns > limit_ns):
            waited_ns = before_ns + limit_ns if limit_ns is not None else None
            due_ns = None if waited_ns is None else self.now_ns + waited_ns
            return Job(due_ns, bytes((code, STATUS_TIMEOUT)), needs_chip=True)
        before_ns += reply.after_ns
        air_ns = self._timing.to_reader_ns(len(reply.frame), self.rate_in)
        due_ns = self.now_ns + before_ns + air_ns
        return Job(due_ns, bytes((code, STATUS_OK)) + reply.frame, needs_chip=True)

    def _sending_ns(self, size: int) -> int:
        return self._timing.to_chip_ns(size, self.rate_out)

    def _answer(self, code: int, before_ns: int) -> Job:
        """The next chunk of the chip's response, with the bit that says whether more follows."""
        part, self._response = self._response[:CHUNK], self._response[CHUNK:]
        air_ns = self._timing.to_reader_ns(len(part), self.rate_in)
        status = STATUS_OK | (_MORE if self._response else 0)
        due_ns = self.now_ns + self._timing.command_ns + before_ns + air_ns
        return Job(due_ns, bytes((code, status)) + part, needs_chip=True)
