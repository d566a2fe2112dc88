"""`egate doctor` says what is there, what is not, and what to do."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path

import msgspec
import pytest

from drivers.types import TRUST_OLD_DAYS
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


NOBODY = 65_534


def grades(findings) -> dict[str, Grade]:
    return {finding.check: finding.grade for finding in findings}


@pytest.mark.parametrize(
    ("named", "demo", "expected"),
    [
        ((), False, [("attention", True)]),
        ((), True, []),
        (("dewi", "agus"), False, [("good", False)]),
    ],
)
def test_a_lane_in_service_names_who_may_reopen_it(named, demo, expected):
    profile = msgspec.structs.replace(
        PROFILE,
        lane=msgspec.structs.replace(PROFILE.lane, demo=demo),
        policy=msgspec.structs.replace(PROFILE.policy, supervisors=named),
    )
    found = list(doctor.supervisors(profile))
    assert [(each.grade.value, "policy.supervisors" in each.do) for each in found] == expected
    assert all(name in found[0].what for name in named)


def test_a_device_that_is_there_missing_or_no_device(tmp_path):
    with Pty(tmp_path / "port") as pty:
        assert doctor.character_device("x", pty.path, "dialout").grade is Grade.GOOD
    gone = doctor.character_device("x", str(tmp_path / "port"), "dialout")
    assert (gone.grade, "70-egate.rules" in gone.do) == (Grade.BROKEN, True)
    assert doctor.character_device("x", str(tmp_path), "dialout").grade is Grade.BROKEN


def as_another_user(look) -> list[list[str]]:
    """The findings of a user who owns nothing here; root may use whatever there is."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writing, json.dumps(list(look())).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(found)


def test_a_device_that_this_user_may_not_use():
    """The group that may use it is named: a serial line's or a camera's."""
    master, slave = os.openpty()
    path = os.ttyname(slave)
    filming = msgspec.structs.replace(PROFILE, camera=Camera(source=f"device:{path}"))
    looks = {
        "dialout": lambda: [doctor.character_device("port", path, "dialout")],
        "video": lambda: doctor.camera(filming),
    }
    for group, look in looks.items():
        Path(path).chmod(0o600)
        assert [found.grade for found in look()] == [Grade.GOOD]
        Path(path).chmod(0)
        ((_, grade, what, do),) = as_another_user(look)
        assert (grade, "may not be read and written by this user" in what) == ("broken", True)
        assert f"to the group {group}," in do
    os.close(slave)
    os.close(master)


def test_the_broker_is_wanted_but_not_needed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sync = msgspec.structs.replace(PROFILE, sync=Sync(port=port))
        assert [finding.grade for finding in doctor.broker(sync)] == [Grade.GOOD]
    (finding,) = doctor.broker(sync)
    assert finding.check == "broker"
    assert "Connection refused" in finding.what
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


MIB = 1 << 20


@pytest.mark.parametrize(
    ("free_bytes", "writable", "grade", "do"),
    [
        (1024 * MIB, True, Grade.GOOD, ""),
        (1024 * MIB - 1, True, Grade.ATTENTION, "make room soon"),
        (100 * MIB, True, Grade.ATTENTION, "make room soon"),
        (100 * MIB - 1, True, Grade.BROKEN, "make room now"),
        (1024 * MIB, False, Grade.BROKEN, "check its owner"),
    ],
)
def test_room_on_the_disk(free_bytes, writable, grade, do):
    found = doctor.room(Path("/state"), free_bytes, writable=writable)
    assert (found.check, found.grade, found.do) == ("disk", grade, do)
    assert (f"{free_bytes // MIB} MB left in /state" in found.what) is writable


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("rtsp://camera/live", ("camera", 554)),
        ("rtsps://camera/live", ("camera", 322)),
        ("rtsp://camera:8554/live", ("camera", 8554)),
        ("mjpeg:http://camera/live", ("camera", 80)),
        ("mjpeg:http://camera:8080/", ("camera", 8080)),
        ("rtsp:", ("", 554)),
    ],
)
def test_the_address_of_a_camera(source, address):
    assert doctor.camera_address(source) == address


@pytest.mark.parametrize("source", ["device:7", "rtsps://127.0.0.1:1/", "file:/", "sim"])
def test_what_is_found_of_a_camera_is_named_so(source):
    profile = msgspec.structs.replace(PROFILE, camera=Camera(source=source))
    (found,) = doctor.camera(profile)
    assert found.check == "camera"
    if source == "device:7":
        assert "/dev/video7" in found.what
    if source.startswith("rtsps"):
        assert "127.0.0.1:1 cannot be reached" in found.what
        assert "switched on" in found.do


def test_why_an_address_does_not_answer():
    refused = doctor.unreachable("broker", "h:1", errno.ECONNREFUSED, Grade.ATTENTION)
    assert refused.what == "h:1 cannot be reached: Connection refused"
    assert "records are kept" in refused.do
    assert "Operation not permitted" in doctor.unreachable("x", "h:1", 1, Grade.BROKEN).what
    for number in (None, 0, -2):
        found = doctor.unreachable("camera", "h:1", number, Grade.BROKEN)
        assert (found.what, found.grade) == ("h:1 cannot be reached: no answer", Grade.BROKEN)
        assert "switched on" in found.do
    assert 0 < doctor.CONNECT_S < 10


def test_a_clock_that_follows_nothing_needs_attention():
    assert doctor.clock(follows=True) == (
        "clock",
        Grade.GOOD,
        "the clock follows a time server",
        "",
    )
    found = doctor.clock(follows=False)
    assert (found.check, found.grade) == ("clock", Grade.ATTENTION)
    assert "does not follow" in found.what
    assert "timedatectl set-ntp true" in found.do


@pytest.mark.parametrize(
    ("days", "grade", "what"),
    [
        (None, Grade.GOOD, "3 certificates"),
        (0, Grade.GOOD, "3 certificates, the newest list is 0 days old"),
        (
            TRUST_OLD_DAYS,
            Grade.GOOD,
            f"3 certificates, the newest list is {TRUST_OLD_DAYS} days old",
        ),
        (
            TRUST_OLD_DAYS + 1,
            Grade.ATTENTION,
            f"3 certificates, the newest list is {TRUST_OLD_DAYS + 1} days old",
        ),
    ],
)
def test_how_old_trust_may_be(days, grade, what):
    found = doctor.trust_of_age(3, days)
    assert (found.check, found.grade, found.what) == ("trust", grade, what)
    assert ("egate trust import" in found.do) is (grade is not Grade.GOOD)


def test_what_is_not_good_says_what_to_do(tmp_path):
    (tmp_path / "notes.txt").write_text("no certificate")
    (tmp_path / "open.key").write_bytes(bytes(32))
    findings = [
        *doctor.disk(tmp_path / "none"),
        *doctor.keys(tmp_path, ("open.key", "none.key")),
        *doctor.trust([tmp_path / "none"], 1),
        *doctor.trust([tmp_path], 1),
        *doctor.models(tmp_path, "best"),
        doctor.character_device("port", str(tmp_path), "dialout"),
        doctor.character_device("port", str(tmp_path / "none"), "dialout"),
    ]
    assert len(findings) >= 8
    assert {found.grade for found in findings} <= {Grade.BROKEN, Grade.ATTENTION}
    assert [found for found in findings if not (found.check and found.what and found.do)] == []
    assert {"disk", "models", "trust", "port"} <= {found.check for found in findings}


def test_keys_must_be_private(tmp_path):
    (tmp_path / "good.key").write_bytes(bytes(32))
    (tmp_path / "good.key").chmod(0o400)
    (tmp_path / "open.key").write_bytes(bytes(32))
    (tmp_path / "open.key").chmod(0o444)
    assert "owner alone" in next(iter(doctor.keys(tmp_path, ("good.key",)))).what
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
    found = grades(doctor.trust([tmp_path], utc_now().date().toordinal(), demo=True))
    assert found == {"trust": Grade.GOOD, "trust: notes.txt": Grade.ATTENTION}
    (refused,) = [
        finding for finding in doctor.trust([tmp_path], 1) if finding.check == "trust: notes.txt"
    ]
    assert refused.do == "remove it"
    (marked,) = [f for f in doctor.trust([tmp_path], 1) if f.check == "trust: demo"]
    assert (marked.grade, "1 of 1" in marked.what) == (Grade.BROKEN, True)
    assert "egate trust list" in marked.do


def test_models_that_are_not_there(tmp_path):
    (finding,) = doctor.models(tmp_path, "best")
    assert (finding.grade, "egate models" in finding.do) == (Grade.BROKEN, True)


def test_the_clock_is_looked_at():
    assert [finding.check for finding in doctor.clock_set()] == ["clock"]


def test_the_command_prints_json_and_its_exit_code(tmp_path, capsys):
    profile = tmp_path / "lane.toml"
    profile.write_text("[lane]\nnumber = 0\n")
    keys = tmp_path / "keys"
    keys.mkdir()
    for role in Role:
        (keys / f"{role.value}.key").write_bytes(bytes(32))
        (keys / f"{role.value}.key").chmod(0o400)
    argv = ["doctor", "--profile", str(profile), "--keys", str(keys), "--models", str(tmp_path)]
    assert main([*argv, "--trust", str(tmp_path), "--state", str(tmp_path), "--json"]) == 2
    reported = json.loads(capsys.readouterr().out)
    by_check = {finding["check"]: finding for finding in reported["findings"]}
    assert (reported["ok"], reported["exit"]) == (False, 2)
    assert "lane.number" in by_check["profile"]["what"]
    assert by_check["key: console.key"]["grade"] == "good"
    assert by_check["key: journal.key"]["grade"] == "broken"
    assert main([*argv, "--trust", str(tmp_path)]) == 2
    assert "cannot go into service" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["rtsp:", "mjpeg:http:"])
def test_a_password_in_the_profile_is_pointed_out_and_not_repeated(kind):
    camera = Camera(source=f"{kind}//gate:hidden@127.0.0.1:9/live")
    findings = list(doctor.camera(msgspec.structs.replace(PROFILE, camera=camera)))
    assert [finding.grade for finding in findings] == [Grade.ATTENTION, Grade.BROKEN]
    assert "hidden" not in repr(findings)
    assert "camera.credentials" in repr(findings[0])
