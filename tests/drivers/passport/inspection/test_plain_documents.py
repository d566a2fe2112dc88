"""Chips without access control: read, and reported as such; never taken for opened."""

import contextlib

import pytest
from test_specimens import inspect, trust  # noqa: F401 (a fixture)

from drivers.passport.chip.access import PLAIN, AccessPlan, PaceFailed
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import AccessDenied, CardRefused, DocumentError
from drivers.passport.mrz.zone import parse
from drivers.types import Result
from sim.chip.apdu import Status
from sim.chip.card import Chip
from sim.chip.catalogue import prepare
from sim.chip.keys import seeded_random
from sim.chip.specimens import SPECIMENS

NAME = "bac_ecdsa_p256"
PROMISED = SPECIMENS[NAME].record()


class Plain(Chip):
    """Gives every file without keys; `status` is its answer to GET CHALLENGE and what follows."""

    status = Status.INS_NOT_SUPPORTED
    by_short_id = True

    def __init__(self, card, random):
        super().__init__(card, random)
        self._file = None

    def transmit(self, raw):
        ins, p1, p2 = raw[1:4]
        if ins == 0xA4:
            if p1 == 2 and int.from_bytes(raw[5:7], "big") in self.card.files:
                self._file = int.from_bytes(raw[5:7], "big")
                return b"\x90\x00", 0
            return (b"\x90\x00" if p1 == 4 else b"\x6a\x82"), 0
        if ins != 0xB0:
            return self.status.to_bytes(2, "big"), 0
        offset = p1 << 8 | p2
        if p1 & 0x80:
            if not self.by_short_id:
                return b"\x6a\x86", 0
            self._file, offset = 0x0100 | p1 & 0x1F, p2
        le = raw[4] or 256 if len(raw) == 5 else int.from_bytes(raw[5:7], "big") or 65_536
        content = self.card.files.get(self._file, b"")
        return content[offset : offset + le] + b"\x90\x00", 0


@pytest.mark.parametrize("status", [0x6D00, 0x6982, 0x6985, 0x6300])
@pytest.mark.parametrize("by_short_id", [True, False])
def test_a_plain_document_is_read_and_reported(status, by_short_id, trust):  # noqa: F811
    made = type("Made", (Plain,), {"status": status, "by_short_id": by_short_id})
    checks = inspect(prepare(NAME, None, []), PROMISED["mrz"], trust, made)
    found = {name: check.result.value for name, check in checks.items()}
    assert found == PROMISED["expect"] | {"access_control": "not_supported"}
    assert "no access control" in checks["access_control"].detail


def test_a_chip_that_has_keys_is_not_read_without(trust):  # noqa: F811
    other = SPECIMENS["bac_ecdsa_p256_sha1"].record()["mrz"]
    checks = inspect(prepare(NAME, None, []), other, trust)
    assert checks["access_control"].result is Result.FAILED
    assert checks["dg_hash"].result is Result.ABORTED


def opened(plan, chip):
    """How a plan opens a chip, and the instructions that it takes."""
    reader, taken = FileReader(), []
    steps = plan.open(reader)
    try:
        op = next(steps)
        while True:
            taken.append(op.apdu[1])
            op = steps.send(chip.transmit(op.apdu)[0])
    except StopIteration as end:
        return end.value, taken


def test_a_chip_that_was_opened_by_keys_is_never_read_without_afterwards():
    """Another card in the place of the first one, after its session broke."""
    card, random = prepare(NAME, None, []), seeded_random(b"chip")
    plan = AccessPlan(mrz=zone(), random=seeded_random(b"reader"))
    assert opened(plan, Chip(card, random))[0].startswith("BAC")
    with pytest.raises((CardRefused, PaceFailed)):
        opened(plan, Plain(card, random))
    assert not plan.plain


def test_a_chip_that_refused_keys_as_wrong_is_not_taken_for_one_without():
    class Refusing(Plain):
        """Takes part in BAC, and refuses the keys; but it gives its files all the same."""

        def transmit(self, raw):
            answers = {0x84: bytes(8) + b"\x90\x00", 0x82: b"\x63\x00"}
            return (answers[raw[1]], 0) if raw[1] in answers else super().transmit(raw)

    plan = AccessPlan(mrz=zone(), random=seeded_random(b"reader"))
    with pytest.raises(AccessDenied):
        opened(plan, Refusing(prepare(NAME, None, []), seeded_random(b"chip")))
    assert not plan.plain


class Swapped(Chip):
    """Opened by PACE; from SELECT under the new session on another chip answers."""

    def transmit(self, raw):
        if raw[0] & 0x0C == 0x0C:
            return b"\x69\x82", 0
        return super().transmit(raw)


@pytest.mark.parametrize("bac", [True, False])
def test_the_proof_of_a_session_that_did_not_stand_does_not_count(bac):
    cam = SPECIMENS["pace_cam_and_weaker"]
    plan = AccessPlan(
        mrz=parse(cam.record()["mrz"].split("\n")),
        random=seeded_random(b"reader"),
        bac_fallback=bac,
    )
    with contextlib.suppress(DocumentError):
        opened(plan, Swapped(prepare(cam.name, None, []), seeded_random(b"chip")))
    assert plan.proof is None
    assert not plan.plain


def test_a_chip_that_was_read_without_keys_is_selected_again_and_no_more():
    plan = AccessPlan(mrz=zone(), random=seeded_random(b"reader"))
    chip = Plain(prepare(NAME, None, []), seeded_random(b"chip"))
    assert opened(plan, chip)[0] == PLAIN
    assert opened(plan, chip) == (PLAIN, [0xA4])


def zone():
    return parse(PROMISED["mrz"].split("\n"))
