"""The bench of the document: APDU counts and link ratios, without its measuring of CPU."""

import json

import pytest

from gate_agent import cli
from sim.bench import chip as emulated
from sim.bench import document as bench_document
from sim.bench.figures import ChipFigures, Figure, LinkFigure
from sim.chip.model import Behaviour


@pytest.fixture(scope="module")
def document():
    return emulated.bench_document()


def no_cpu():
    return 0


def test_commands_for_a_whole_document(document):
    size = sum(map(len, document.files.values()))
    assert 16_790 <= size <= emulated.DOCUMENT_BYTES
    assert emulated.apdus(document, Behaviour()) <= 24
    assert emulated.apdus(document, emulated.SHORT) <= 93


@pytest.mark.parametrize(("baud", "kbit_s"), [(115_200, 106), (921_600, 424)])
def test_a_read_takes_little_longer_than_its_link(document, baud, kbit_s):
    modelled, measured = emulated.PacedRead(document, baud, kbit_s, no_cpu).run()
    payload_ns = emulated.DOCUMENT_BYTES * (10_000_000_000 // baud + 9_000_000 // kbit_s)
    assert payload_ns < modelled <= measured <= 1.1 * modelled


def test_own_cpu_counts_in_what_is_measured(document):
    ticks = iter(range(0, 10**12, 100_000))
    lazy = emulated.PacedRead(document, 921_600, 424, lambda: next(ticks)).run()
    assert lazy[1] > emulated.PacedRead(document, 921_600, 424, no_cpu).run()[1]
    assert lazy[0] == pytest.approx(emulated.PacedRead(document, 921_600, 424, no_cpu).run()[0])


def test_report_puts_target_beside_reached(monkeypatch, capsys, tmp_path):
    def measured(rounds, cpu_ns):
        assert (rounds, cpu_ns() >= 0) == (2, True)
        links = [LinkFigure(115_200, 106, 100.0, 120.0)]
        return ChipFigures([Figure("apdus_223_bytes", "APDUs", 93, 88)], links)

    monkeypatch.setattr(emulated, "measure", measured)
    given = ["bench", "document", "--rounds", "2", "--masterlist", str(tmp_path / "absent")]
    assert cli.main([*given, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    figures = {item["name"]: item for item in report["figures"]}
    assert report["ok"] is False
    assert figures["worst_link_ratio"]["reached"] == 1.2
    assert figures["worst_link_ratio"]["ok"] is False
    assert figures["apdus_223_bytes"]["ok"] is True
    assert figures["import_s"]["reached"] is None
    assert cli.main(given) == 0
    said = capsys.readouterr().out
    assert "OUT OF REACH" in said
    assert "absent" in said
    assert bench_document.RATIO == 1.1
