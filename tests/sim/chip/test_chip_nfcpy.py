"""nfcpy, another author's reader, with ISO/IEC 14443-4 blocks of its own on the PN532 face."""

import subprocess
import sys
from contextlib import contextmanager
from datetime import date

import nfc
import pytest
from nfc.clf import pn532
from nfc.clf.transport import TTY

from drivers.passport.chip.apdu import Reconnect, Send
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import parse
from drivers.passport.trust.files import assemble, parse_file
from sim.chip.card import APPLICATION_ID
from sim.chip.keys import seeded_random
from sim.chip.specimens import SPECIMENS, trust_files

pytestmark = pytest.mark.live

AT = date(2026, 11, 22)


class PatientLine(TTY):
    """A line whose other end is a process that a crowded machine may keep waiting.

    nfcpy gives up after 100 ms without an acknowledgement: a PN532 is never that late.
    """

    LEAST_MS = 5_000

    def read(self, timeout):
        """As the line does, with more patience."""
        return super().read(max(timeout, self.LEAST_MS))


@contextmanager
def served(*arguments):
    """`egate chip serve --pn532`: the path that it prints, until the end."""
    command = [sys.executable, "-m", "gate_agent.cli", "chip", "serve", "--pn532", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def open_tag(path):
    frontend = nfc.ContactlessFrontend()
    frontend.device = pn532.init(PatientLine(path))
    tags = []
    frontend.connect(
        rdwr={"on-connect": lambda tag: tags.append(tag) and False, "targets": ["106A"]},
        terminate=lambda: bool(tags),
    )
    return frontend, tags[0] if tags else None


def inspect(tag, mrz):
    sources = [source for data in trust_files().values() for source in parse_file(data)]
    inspection = Inspection(
        ticket=1,
        mrz=parse(mrz.split("\n")),
        trust=assemble(sources, accept_demo=True),
        at=AT,
        random=seeded_random(b"nfcpy"),
        clock=lambda: 0,
        new_handle=lambda: "h",
    )
    steps = inspection.run()
    op = next(steps)
    try:
        while True:
            if isinstance(op, Send):
                op = steps.send(bytes(tag.transceive(op.apdu)))
            elif isinstance(op, Reconnect):
                op = steps.send(False)
            else:
                op = next(steps)
    except StopIteration as end:
        return {check.id: check.result.value for check in end.value}


def expected(specimen):
    return SPECIMENS[specimen].record()["expect"] | {"face_image": "undetermined"}


def test_a_whole_inspection_by_nfcpy_and_another_host_after_it():
    specimen = "bac_ecdsa_p256"
    with served("--specimen", specimen) as path:
        frontend, tag = open_tag(path)
        assert tag.type == "Type4Tag"
        assert inspect(tag, SPECIMENS[specimen].record()["mrz"]) == expected(specimen)
        frontend.close()
        frontend, tag = open_tag(path)
        tag.send_apdu(0x00, 0xA4, 0x04, 0x0C, APPLICATION_ID)
        first, second = (tag.send_apdu(0x00, 0x84, 0, 0, mrl=8) for _ in range(2))
        assert len(first) == len(second) == 8
        assert first != second
        frontend.close()


def test_a_chip_that_thinks_asks_nfcpy_for_more_time():
    specimen = "pace_aa_ca"
    with served("--specimen", specimen, "--fault", "waiting_time_extended") as path:
        frontend, tag = open_tag(path)
        assert inspect(tag, SPECIMENS[specimen].record()["mrz"]) == expected(specimen)
        frontend.close()
