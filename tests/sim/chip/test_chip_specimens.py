"""Specimens, the catalogue of faults, and the commands that print and serve them."""

import hashlib
import json
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import foreign
import pytest

from drivers.types import CHECK_IDS, Result
from gate_agent.cli import main
from sim.chip.card import Chip
from sim.chip.catalogue import ALL_FAULTS, ALL_FORGERIES, Unsuitable, merged, prepare, records
from sim.chip.folder import FolderError, file_identifier
from sim.chip.keys import Algorithm, seeded_random
from sim.chip.model import Behaviour
from sim.chip.personalise import EF_SOD
from sim.chip.specimens import ISSUED, SPECIMENS, named_files, trust_files
from sim.chip.tlv import one_object
from sim.chip.vpcd import ANSWER_TO_RESET, VpcdCard


def printed(capsys, *arguments):
    code = main(["chip", *arguments])
    return code, capsys.readouterr().out


def test_specimens_print_what_the_contract_says(capsys):
    code, out = printed(capsys, "specimens", "--json")
    assert code == 0
    found = {record["name"]: record for record in json.loads(out)}
    assert set(found) == set(SPECIMENS)
    for record in found.values():
        assert set(record) == {"name", "mrz", "can", "access", "expect"}
        sizes = [len(line) for line in record["mrz"].split("\n")]
        assert sizes in ([44, 44], [36, 36], [30, 30, 30])
        assert set(record["access"]) <= {"bac", "pace-gm", "pace-im", "pace-cam"}
        assert {check.partition(".")[0] for check in record["expect"]} == set(CHECK_IDS)
        assert set(record["expect"].values()) <= set(Result)
    assert found["pace_only"]["access"] == ["pace-gm"]
    assert found["pace_only"]["can"]
    assert found["bac_ecdsa_p256"]["can"] is None
    assert len({record["mrz"] for record in found.values()}) == len(found)


def test_every_algorithm_hash_and_curve_has_a_specimen():
    assert {s.algorithm for s in SPECIMENS.values()} == set(Algorithm)
    hashes = {"sha1", "sha224", "sha256", "sha384", "sha512"}
    assert {s.hash_name for s in SPECIMENS.values()} == hashes
    profiles = [p for s in SPECIMENS.values() for p in s.features().pace]
    assert {p.parameter_id for p in profiles} == {0, 1, 2, *range(8, 19)}
    assert len({p.suite for p in profiles}) == 4


def test_every_check_is_hit_by_a_forgery_or_fault(capsys):
    code, out = printed(capsys, "faults", "--json")
    assert code == 0
    found = json.loads(out)
    assert found == records()
    assert len(found) == len({record["name"] for record in found}) >= 40
    caught = {record["caught_by"].partition(".")[0] for record in found}
    assert caught - {""} == set(CHECK_IDS)
    for record in found:
        prepare(record["specimen"], None, [record["name"]])


def test_forgeries_change_something_and_the_same_each_time():
    for forgery in ALL_FORGERIES.values():
        genuine = SPECIMENS[forgery.specimen].personalisation()
        forged = forgery.apply(genuine)
        parts = [(p.files, p.printed, p.features, p.master_files) for p in (forged, genuine)]
        assert parts[0] != parts[1], forgery.name
        again = forgery.apply(genuine)
        assert (dict(again.files), again.printed) == (dict(forged.files), forged.printed)


@pytest.mark.parametrize("name", SPECIMENS)
def test_openssl_verifies_every_security_object(name, tmp_path):
    specimen = SPECIMENS[name]
    made = specimen.personalisation()
    sod, content, anchor = (tmp_path / n for n in ("sod.der", "content.der", "csca.pem"))
    outer = one_object(made.files[EF_SOD], 0x77)
    sod.write_bytes(outer)
    der = specimen.country.csca.certificate.der
    assert openssl("x509", "-inform", "DER", "-out", str(anchor), stdin=der).returncode == 0
    # OpenSSL chains no certificate with explicit parameters: there it judges the signature.
    explicit = "explicit" in specimen.algorithm
    trust = ["-noverify"] if explicit else ["-CAfile", str(anchor)]
    arguments = ["cms", "-verify", "-inform", "DER", "-in", str(sod), "-out", str(content), *trust]
    arguments += ["-purpose", "any", "-attime", str(int(ISSUED.timestamp()))]
    assert openssl(*arguments).returncode == 0
    for fid, group in made.files.items():
        listed = fid & 0xFF <= 16
        assert (
            getattr(hashlib, specimen.hash_name)(group).digest() in content.read_bytes()
        ) is listed
    sod.write_bytes(outer[:-1] + bytes((outer[-1] ^ 1,)))
    assert openssl(*arguments).returncode != 0


def openssl(*arguments, stdin=None):
    command = [foreign.program("openssl", "openssl"), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def test_trust_and_files_are_written(tmp_path, capsys):
    trust, files = tmp_path / "trust", tmp_path / "files"
    printed(capsys, "specimens", "--trust-out", str(trust), "--files-out", str(files))
    assert {p.name: p.read_bytes() for p in trust.iterdir()} == trust_files()
    made = SPECIMENS["pace_aa_ca"].personalisation()
    folder = files / "pace_aa_ca"
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == named_files(made)
    # What was written can be served again, as a clone would: opened by BAC or PACE, keyless.
    card = prepare(None, folder, ["mute"])
    assert card.access_key_text == made.access_key_text
    assert card.files[0x0102] == made.files[0x0102]
    assert card.behaviour.mute
    assert card.features.pace == made.features.pace
    assert card.master_files == made.master_files
    with pytest.raises(Unsuitable, match="needs a specimen"):
        prepare(None, folder, ["altered_dg1"])


@pytest.mark.parametrize(
    ("stem", "fid"),
    [
        ("COM", 0x011E),
        ("EF_SOD", 0x011D),
        ("EF.COM", 0x011E),
        ("DG1", 0x0101),
        ("Datagroup15", 0x010F),
        ("ef010F", 0x010F),
        ("011e", 0x011E),
        ("CARDACCESS", 0x011C),
        ("DG17", None),
        ("notes", None),
    ],
)
def test_file_names(stem, fid):
    assert file_identifier(stem) == fid


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--specimen", "no_such", "--pn532"],
        ["serve", "--specimen", "bac_ecdsa_p256", "--pn532", "--fault", "nothing"],
        ["serve", "--specimen", "bac_ecdsa_p256", "--pn532", "--fault", "hidden_dg14"],
        ["serve", "--specimen", "bac_ecdsa_p256", "--vpcd", "nowhere"],
        ["serve", "--personalisation", "/nonexistent", "--pn532"],
    ],
)
def test_bad_arguments_end_with_2(arguments, capsys):
    assert main(["chip", *arguments]) == 2
    assert capsys.readouterr().err.startswith("egate chip serve: ")


def test_no_listener_ends_with_3(capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["chip", "serve", "--specimen", "bac_ecdsa_p256", "--vpcd", f"127.0.0.1:{port}"]
    assert main(arguments) == 3
    assert capsys.readouterr().err


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FolderError, match="DG1"):
        prepare(None, tmp_path, [])


def test_behaviours_are_merged():
    both = merged([Behaviour(largest_read=112), Behaviour(mute=True), Behaviour()])
    assert both == replace(Behaviour(), largest_read=112, mute=True)
    for fault in ALL_FAULTS.values():
        assert merged([fault.behaviour]) == fault.behaviour


# --- the faces --------------------------------------------------------------------------


def test_vpcd_frames():
    card = VpcdCard(Chip(prepare("bac_ecdsa_p256", None, []), seeded_random(b"vpcd")))
    card.receive(bytes.fromhex("0001010001"), 0)
    assert card.output() == b""
    card.receive(b"\x04", 0)
    assert card.output() == len(ANSWER_TO_RESET).to_bytes(2, "big") + ANSWER_TO_RESET
    select = bytes.fromhex("00A4040C07A0000002471001")
    card.receive(len(select).to_bytes(2, "big") + select, 0)
    assert card.output() == b""
    assert card.due_ns is not None
    card.expire(card.due_ns)
    assert card.output().hex() == "00029000"
    card.receive(bytes.fromhex("000102"), 0)
    card.receive(bytes.fromhex("00050084000008"), 0)
    card.expire(card.due_ns)
    assert len(card.output()) == 12


@pytest.mark.live
def test_a_served_chip_answers_over_vpcd_until_the_reader_hangs_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        command = [sys.executable, "-m", "gate_agent.cli", "chip", "serve"]
        command += ["--specimen", "bac_ecdsa_p256"]
        command += ["--vpcd", f"127.0.0.1:{server.getsockname()[1]}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as served:
            line, _ = server.accept()
            with line:
                line.settimeout(30)
                line.sendall(bytes.fromhex("000101000104"))
                assert line.recv(100)[2:] == ANSWER_TO_RESET
            assert served.wait(30) == 0


@pytest.mark.live
def test_serving_a_pn532_prints_its_path_first_and_ends_on_a_signal():
    command = [sys.executable, "-m", "gate_agent.cli", "chip", "serve"]
    command += ["--specimen", "bac_ecdsa_p256", "--pn532"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        path = served.stdout.readline().strip()
        with open(path, "r+b", buffering=0) as port:  # noqa: PTH123 - unbuffered both ways
            port.write(b"\x55\x55" + bytes(14) + bytes.fromhex("0000FF02FED4022A00"))
            answer = b""
            while not answer.endswith(bytes.fromhex("E800")):
                answer += port.read(64)
        assert answer.hex() == "0000ff00ff000000ff06fad50332010607e800"
        served.send_signal(signal.SIGTERM)
        assert served.wait(30) == 0
