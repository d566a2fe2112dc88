"""`egate doctor` says what is there, what is not, and what to do."""

from __future__ import annotations

import json
import socket

import msgspec
import pytest

from firmware_cfg.load import PROFILES_DIR, SITES_DIR, load
from firmware_cfg.profile import Camera, Sync
from gate_agent.cli import main
from gate_agent.host import doctor
from gate_agent.host.doctor import Grade
from gate_agent.lane_api.api import Role
from sim.wires.pty import Pty

PROFILE = load(
    [
        *(PROFILES_DIR / f"{name}.toml" for name in ("turnstile_modbus", "pn532", "mrz_line")),
        PROFILES_DIR / "camera_usb.toml",
        SITES_DIR / "example.toml",
    ]
)


def grades(findings) -> dict[str, Grade]:
    return {finding.check: finding.grade for finding in findings}


def test_a_device_that_is_there_missing_or_no_device(tmp_path):
    with Pty(tmp_path / "port") as pty:
        assert doctor.character_device("x", pty.path, "dialout").grade is Grade.GOOD
    gone = doctor.character_device("x", str(tmp_path / "port"), "dialout")
    assert (gone.grade, "70-egate.rules" in gone.do) == (Grade.BROKEN, True)
    assert doctor.character_device("x", str(tmp_path), "dialout").grade is Grade.BROKEN


def test_the_broker_is_wanted_but_not_needed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sync = msgspec.structs.replace(PROFILE, sync=Sync(port=port))
        assert [finding.grade for finding in doctor.broker(sync)] == [Grade.GOOD]
    (finding,) = doctor.broker(sync)
    assert (finding.grade, "kept until it is back" in finding.do) == (Grade.ATTENTION, True)


@pytest.mark.parametrize(
    ("source", "grade"),
    [
        ("device:/dev/null", Grade.GOOD),
        ("device:/nowhere/video", Grade.BROKEN),
        ("rtsp://127.0.0.1:1/live", Grade.BROKEN),
        ("mjpeg:http://127.0.0.1:1/live", Grade.BROKEN),
        ("file:/nowhere.png", Grade.BROKEN),
        ("file:/", Grade.GOOD),
        ("sim", Grade.ATTENTION),
    ],
)
def test_cameras_of_every_kind(source, grade):
    profile = msgspec.structs.replace(PROFILE, camera=Camera(source=source))
    assert [finding.grade for finding in doctor.camera(profile)] == [grade]


def test_disk(tmp_path):
    assert grades(doctor.disk(tmp_path))["disk"] in (Grade.GOOD, Grade.ATTENTION)
    (missing,) = doctor.disk(tmp_path / "none")
    assert (missing.grade, "install -d" in missing.do) == (Grade.BROKEN, True)


def test_keys_must_be_private(tmp_path):
    (tmp_path / "good.key").write_bytes(bytes(32))
    (tmp_path / "good.key").chmod(0o400)
    (tmp_path / "open.key").write_bytes(bytes(32))
    (tmp_path / "open.key").chmod(0o444)
    found = grades(doctor.keys(tmp_path, ("good.key", "open.key", "none.key")))
    assert found == {
        "key: good.key": Grade.GOOD,
        "key: open.key": Grade.BROKEN,
        "key: none.key": Grade.BROKEN,
    }


def test_trust_that_is_not_there(tmp_path):
    assert grades(doctor.trust([tmp_path / "none"], 1)) == {"trust": Grade.BROKEN}
    assert grades(doctor.trust([tmp_path], 1)) == {"trust": Grade.BROKEN}


def test_trust_and_its_age(tmp_path):
    from gate_agent.live import utc_now
    from sim.chip.keys import KeySource
    from sim.chip.pki import found_country

    country = found_country(KeySource.seeded(b"doctor"), utc_now())
    (tmp_path / "csca.der").write_bytes(country.csca.certificate.der)
    (tmp_path / "notes.txt").write_text("no certificate")
    found = grades(doctor.trust([tmp_path], utc_now().date().toordinal()))
    assert found == {"trust": Grade.GOOD, "trust: notes.txt": Grade.ATTENTION}


def test_models_that_are_not_there(tmp_path):
    (finding,) = doctor.models(tmp_path, "best")
    assert (finding.grade, "egate models" in finding.do) == (Grade.BROKEN, True)


def test_the_clock_is_looked_at():
    assert [finding.check for finding in doctor.clock_set()] == ["clock"]


def test_the_command_tells_json_and_its_exit_code(tmp_path, capsys):
    profile = tmp_path / "lane.toml"
    profile.write_text("[lane]\nnumber = 0\n")
    keys = tmp_path / "keys"
    keys.mkdir()
    for role in Role:
        (keys / f"{role.value}.key").write_bytes(bytes(32))
        (keys / f"{role.value}.key").chmod(0o400)
    argv = ["doctor", "--profile", str(profile), "--keys", str(keys), "--models", str(tmp_path)]
    assert main([*argv, "--trust", str(tmp_path), "--state", str(tmp_path), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    by_check = {finding["check"]: finding for finding in told["findings"]}
    assert (told["ok"], told["exit"]) == (False, 2)
    assert "lane.number" in by_check["profile"]["what"]
    assert by_check["key: console.key"]["grade"] == "good"
    assert by_check["key: journal.key"]["grade"] == "broken"
    assert main([*argv, "--trust", str(tmp_path)]) == 2
    assert "cannot go into service" in capsys.readouterr().out
