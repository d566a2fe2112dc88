"""pcscd, its virtual reader vpcd and OpenSC between our reader and our chip."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec

import foreign
import pytest

from drivers.passport.reader.pcsc import PcscMissing, PcscReader
from gate_agent.cli import main
from sim.chip.specimens import SPECIMENS, trust_files

DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
SOCKET = "/run/pcscd/pcscd.comm"
PORT = 0x8DD0
READER = "Virtual PCD"
LONGEST_S = 30


@contextmanager
def process(command, **options):
    with subprocess.Popen(command, **options) as running:
        try:
            yield running
        finally:
            running.terminate()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """pcscd with a virtual reader of our own, and pyscard to talk to it."""
    pcscd = foreign.program("pcscd", "pcscd")
    foreign.file(DRIVER, "vsmartcard-vpcd")
    if find_spec("smartcard") is None:
        foreign.missing("the extra egate[pcsc] (requirements-pcsc.lock)")
    if os.geteuid() != 0:
        pytest.skip("pcscd is root's to start")
    readers = tmp_path_factory.mktemp("readers")
    (readers / "vpcd").write_text(
        f'FRIENDLYNAME "{READER}"\nDEVICENAME /dev/null:{PORT:#x}\n'
        f"LIBPATH {DRIVER}\nCHANNELID {PORT:#x}\n"
    )
    command = [pcscd, "--foreground", "--config", str(readers)]
    with process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        until(lambda: running.poll() is not None or os.path.exists(SOCKET))  # noqa: PTH110
        if running.poll() is not None:
            pytest.skip("another pcscd is running")
        yield


def until(condition):
    """Wait for another process, at most `LONGEST_S`."""
    end_s = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < end_s
        subprocess.run(["sleep", "0.1"], check=True)


@contextmanager
def chip(specimen, *arguments):
    """A chip in the virtual reader: `egate chip serve --vpcd`."""
    command = [sys.executable, "-m", "gate_agent.cli", "chip", "serve", "--specimen", specimen]
    command += ["--vpcd", f"127.0.0.1:{PORT}", *arguments]
    with process(command, stdout=subprocess.PIPE) as running:
        assert running.stdout.readline()
        until(lambda: b"Yes" in opensc("-l"))
        yield


def opensc(*arguments):
    tool = foreign.program("opensc-tool", "opensc")
    options = {"capture_output": True, "timeout": LONGEST_S}
    return subprocess.run([tool, *arguments], check=False, **options).stdout


def inspect(capsys, *arguments):
    code = main(["document", "inspect", "--reader", *arguments, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def mrz(specimen):
    return SPECIMENS[specimen].record()["mrz"].replace("\n", "\\n")


@pytest.mark.live
def test_an_inspection_by_pcsc(daemon, tmp_path, capsys):
    for name, content in trust_files().items():
        (tmp_path / name).write_bytes(content)
    trusted = ("--trust", str(tmp_path), "--at", "2026-11-22")
    with chip("pace_aa_ca"):
        code, report, _ = inspect(capsys, "pcsc", "--mrz", mrz("pace_aa_ca"), *trusted)
        results = {check["id"]: check["result"] for check in report["checks"]}
        assert code == 0
        assert results == SPECIMENS["pace_aa_ca"].record()["expect"]
        assert report["apdus"] > 10
        assert report["bytes"] > 15_000
        # The same chip once more, by the reader's name and with the card access number.
        can = SPECIMENS["pace_aa_ca"].record()["can"]
        code, report, _ = inspect(capsys, "pcsc:virtual pcd", "--can", can, *trusted)
        assert (code, report["overall"]) == (0, "undetermined")
        # OpenSC's own tool: the chip by another author's words.
        printed = opensc("-s", "00A4040C07A0000002471001", "-s", "0084000008", "-s", "00B0000004")
        assert printed.count(b"SW1=0x90, SW2=0x00") == 2
        assert b"SW1=0x69, SW2=0x82" in printed


@pytest.mark.live
def test_a_chip_that_leaves_is_reported_as_aborted(daemon, capsys):
    with chip("bac_ecdsa_p256", "--fault", "tag_lost"):
        code, report, _ = inspect(capsys, "pcsc", "--mrz", mrz("bac_ecdsa_p256"))
    results = {check["id"]: check["result"] for check in report["checks"]}
    assert code == 0
    assert results["dg_hash.DG1"] in ("successful", "undetermined")
    assert results["dg_hash.DG2"] == "aborted"


@pytest.mark.live
@pytest.mark.parametrize(
    ("fault", "signature", "overall"),
    [("stuck_until_reset", "successful", "successful"), ("stuck_for_good", "aborted", "aborted")],
)
def test_a_chip_that_refuses_after_a_broken_session_is_reset(
    daemon, tmp_path, capsys, fault, signature, overall
):
    for name, content in trust_files().items():
        (tmp_path / name).write_bytes(content)
    trusted = ("--trust", str(tmp_path), "--at", "2026-11-22")
    with chip("bac_ecdsa_p256", "--fault", fault):
        code, report, _ = inspect(capsys, "pcsc", "--mrz", mrz("bac_ecdsa_p256"), *trusted)
    results = {check["id"]: check["result"] for check in report["checks"]}
    assert (code, report["overall"]) == (0, overall)
    assert (results["access_control"], results["sod_signature"]) == ("successful", signature)
    assert "failed" not in results.values()


@pytest.mark.live
def test_what_is_missing_ends_with_3_and_a_word(daemon, capsys):
    code, _, err = inspect(capsys, "pcsc:No one", "--can", "123456")
    assert (code, "no reader is called No one; there are: Virtual PCD" in err) == (3, True)
    code, _, err = inspect(capsys, "pcsc", "--can", "123456")
    assert (code, err) == (3, "egate: no chip on the reader\n")


def test_without_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(PcscMissing, match=r"egate\[pcsc\]"):
        PcscReader()
    code, _, err = inspect(capsys, "pcsc", "--can", "123456")
    assert code == 3
    assert "requirements-pcsc.lock" in err


def test_without_the_daemon(monkeypatch, capsys):
    if find_spec("smartcard") is None:
        foreign.missing("the extra egate[pcsc] (requirements-pcsc.lock)")
    command = [sys.executable, "-m", "gate_agent.cli", "document", "inspect"]
    command += ["--reader", "pcsc", "--can", "123456"]
    nowhere = {**os.environ, "PCSCLITE_CSOCK_NAME": "/nonexistent/pcscd.comm"}
    ended = subprocess.run(command, env=nowhere, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    assert ended.stderr.startswith("egate: the daemon pcscd cannot be reached")
