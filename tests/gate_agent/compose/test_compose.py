"""What the processes find out at their start, before a traveller does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from biometrics.errors import Uncalibrated
from biometrics.types import Tier
from firmware_cfg.load import PROFILES_DIR, SITES_DIR, load
from firmware_cfg.profile import FaceVerification
from firmware_cfg.time_zone import calendar_day
from gate_agent.cli import main
from gate_agent.commands.models import default_store
from gate_agent.compose import console, folders, reader, vision
from gate_agent.host.secrets_on_disk import KeyUnusable
from gate_agent.host.system_clock import TrustedDay
from gate_agent.live import utc_now

PROFILE = load(
    [
        *(PROFILES_DIR / f"{name}.toml" for name in ("turnstile_modbus", "pn532", "mrz_line")),
        PROFILES_DIR / "camera_usb.toml",
        SITES_DIR / "example.toml",
    ]
)


def test_vision_does_not_start_uncalibrated():
    store = default_store()
    if not store.is_dir():
        pytest.skip("needs the models that make setup installs")
    assert vision.load_pipeline(PROFILE, Tier.PACKAGED, store).tier is Tier.PACKAGED
    profile = msgspec.structs.replace(PROFILE, face=FaceVerification(fmr=1e-9))
    with pytest.raises(Uncalibrated, match="false match rate of 1e-09"):
        vision.load_pipeline(profile, Tier.PACKAGED, store)


def test_only_a_demo_takes_the_computers_date_as_it_is():
    assert isinstance(reader._days(PROFILE)[0], TrustedDay)
    demo = msgspec.structs.replace(PROFILE, lane=msgspec.structs.replace(PROFILE.lane, demo=True))
    before = utc_now()
    day, utc_day = (each() for each in reader._days(demo))
    zone = demo.lane.time_zone
    assert calendar_day(zone, before) <= day <= calendar_day(zone, utc_now())
    assert before.date() <= utc_day <= utc_now().date()


def kiosk(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "kiosk.json"
    path.write_bytes(content.ljust(64))
    path.chmod(0o400)
    return path


def test_kiosk_tokens_are_read(tmp_path):
    path = kiosk(tmp_path, json.dumps({1: "t" * 32}).encode())
    assert console._kiosk_tokens(path) == {1: "t" * 32}


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"x": "tttttttttttttttt"}', b'{"1": "short"}', b'{"1": 5}', b"\xff"]
)
def test_bad_kiosk_tokens_are_refused_in_one_line(tmp_path, content):
    with pytest.raises(KeyUnusable, match=r"kiosk\.json: not an object"):
        console._kiosk_tokens(kiosk(tmp_path, content))


def test_an_agent_says_which_folder_it_cannot_use(tmp_path):
    there, file = tmp_path / "there", tmp_path / "file"
    there.mkdir()
    file.touch()
    assert folders.unfit(there, there) == ""
    for missing in (tmp_path / "nowhere", file):
        found = f"{missing}: there is no such folder; make it, for our user alone"
        assert folders.unfit(missing, there) == f"--run-dir {found}"
        assert folders.unfit(there, missing) == f"--state {found}"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_an_agent_says_which_folder_is_closed_to_it(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    found = f"{closed}: cannot be written; look at its owner, mode and disk"
    assert folders.unfit(closed, tmp_path) == f"--run-dir {found}"
    assert folders.unfit(tmp_path, closed) == f"--state {found}"


def test_the_longest_path_that_takes_sockets(tmp_path):
    least = len(os.fsencode(tmp_path / "x" / folders.LONGEST_SOCKET)) - 1
    for spare, fits in ((0, True), (-1, False)):
        home = tmp_path / ("x" * (folders.MAX_SOCKET_PATH_BYTES - least - spare))
        home.mkdir()
        assert (folders.too_long(home) == "") is fits
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.bind(str(home / folders.LONGEST_SOCKET))
            except OSError:
                assert not fits
            else:
                assert fits


def egate(*words):
    return [sys.executable, "-m", "gate_agent.cli", *map(str, words)]


def test_an_agent_without_its_folder_ends_with_a_line(tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir()
    for role in ("console", "status", "sync"):
        (keys / f"{role}.key").write_bytes(bytes(32))
        (keys / f"{role}.key").chmod(0o400)
    files = ("turnstile_modbus", "pn532", "mrz_line", "camera_usb")
    profile = [f"--profile={PROFILES_DIR / name}.toml" for name in files]
    profile.append(f"--profile={SITES_DIR / 'example.toml'}")
    places = ("--run-dir", tmp_path, "--state", tmp_path / "state", "--keys", keys)
    ended = subprocess.run(
        egate("agent", *profile, *places), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"egate agent: --state {tmp_path / 'state'}: there is no such")
    assert len(ended.stderr.splitlines()) == 1


def test_a_collector_says_that_no_broker_is_there(tmp_path):
    assert main(["centre", "init", "--state", str(tmp_path)]) == 0
    with socket.socket() as taken:  # bound and not listening: no other person takes it
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        argv = egate("centre", "run", "--state", tmp_path, "--port", port)
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as collector:
            said = collector.stderr.readline()
            collector.terminate()
            assert collector.wait() == 0
    assert said.endswith(f"ERROR egate.centre broker 127.0.0.1:{port} is not reachable\n")
