"""Other authors' readers, libnfc and mrtdreader, against the PN532 face on a pseudo-terminal."""

import os
import select
import subprocess
import time
import tty

import foreign
import pytest
from chip_samples import passport

from sim.chip.card import Chip, card_of
from sim.chip.forgeries import FORGERIES
from sim.chip.keys import seeded_random
from sim.chip.pn532 import Pn532Peer

pytestmark = pytest.mark.live

DOCUMENT = passport()
LONGEST_S = 60


def now_ns():
    return time.monotonic_ns()


def serve(command, folder, document=DOCUMENT):
    """Run a foreign reader against the face until it ends: its exit code and what it printed."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    peer = Pn532Peer(seeded_random(b"peer"))
    peer.put_chip(Chip(card_of(document), seeded_random(b"chip")), now_ns())
    device = f"pn532_uart:{os.ttyname(theirs)}:115200"
    environment = {**os.environ, "LIBNFC_DEFAULT_DEVICE": device}
    printed = folder / "printed"
    end_ns = now_ns() + LONGEST_S * 1_000_000_000
    try:
        with printed.open("wb") as sink:
            reader = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=sink, stderr=subprocess.STDOUT
            )
        with reader:
            while reader.poll() is None and now_ns() < end_ns:
                carry(ours, peer)
            reader.kill()
        return printed.read_text(errors="replace")
    finally:
        os.close(ours)
        os.close(theirs)


def carry(line, peer):
    """Wait for the next byte or due time, at most 100 ms, and let it happen."""
    due_ns = peer.due_ns
    wait_s = 0.1 if due_ns is None else min(0.1, max(0.0, (due_ns - now_ns()) / 1e9))
    readable, _, _ = select.select([line], [], [], wait_s)
    if readable:
        peer.receive(os.read(line, 4096), now_ns())
    peer.expire(now_ns())
    if answer := peer.output():
        os.write(line, answer)


def test_libnfc_sees_a_passport(tmp_path):
    printed = serve([foreign.program("nfc-list", "libnfc-bin"), "-v", "-t", "1"], tmp_path)
    assert "Compliant with ISO/IEC 14443-4" in printed
    assert "Random UID" in printed
    assert "Max Frame Size accepted by PICC: 256 bytes" in printed


def test_mrtdreader_reads_the_whole_passport(tmp_path):
    program = foreign.program("mrtdreader", "mrtdreader")
    printed = serve([program, DOCUMENT.printed.line2], tmp_path)
    assert printed.count("... done") >= 4, printed
    assert DOCUMENT.printed.text in printed
    assert (tmp_path / "image.jpg").read_bytes() == DOCUMENT.portrait_jpeg


def test_mrtdreader_is_refused_with_another_number(tmp_path):
    program = foreign.program("mrtdreader", "mrtdreader")
    forged = FORGERIES["printed_other_number"].apply(DOCUMENT)
    printed = serve([program, forged.printed.line2], tmp_path, forged)
    assert "EF.DG1... done" not in printed
    assert not (tmp_path / "image.jpg").exists()
