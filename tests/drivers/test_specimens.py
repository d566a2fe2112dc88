"""Every genuine specimen and forgery of the simulated issuer, judged by our reader."""

from datetime import date

import pytest

from drivers.passport.apdu import Reconnect, Send
from drivers.passport.inspection import Inspection
from drivers.passport.mrz import parse
from drivers.passport.trust_files import assemble, parse_file
from sim.chip.card import Chip, card_of
from sim.chip.keys import seeded_random
from sim.chip.specimens import SPECIMENS, trust_files

AT = date(2026, 11, 22)


@pytest.fixture(scope="module")
def trust():
    sources = [source for data in trust_files().values() for source in parse_file(data)]
    return assemble(sources, accept_demo=True)


def drive(steps, chip):
    """Run an inspection against a chip; its checks."""
    op = next(steps)
    try:
        while True:
            if isinstance(op, Send):
                op = steps.send(chip.transmit(op.apdu)[0])
            elif isinstance(op, Reconnect):
                op = steps.send(False)
            else:
                op = next(steps)
    except StopIteration as end:
        return {check.id: check for check in end.value}


def inspect(specimen, trust, **options):
    made = specimen.personalisation()
    chip = Chip(card_of(made), seeded_random(b"chip"))
    return drive(
        Inspection(
            ticket=1,
            mrz=parse((made.printed.line1, made.printed.line2)),
            trust=trust,
            at=AT,
            random=seeded_random(b"reader"),
            clock=lambda: 0,
            new_handle=lambda: "h",
            **options,
        ).run(),
        chip,
    )


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_genuine_specimen_gives_what_it_promises(name, trust):
    specimen = SPECIMENS[name]
    checks = inspect(specimen, trust)
    promised = specimen.record()["expect"]
    # A picture is decoded in vision, not by the reader.
    told = {i: c.result.value for i, c in checks.items() if i != "face_image"}
    assert told == {i: r for i, r in promised.items() if i != "face_image"}
