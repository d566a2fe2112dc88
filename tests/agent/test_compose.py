"""What the processes find out at their start, before a traveller does."""

import json
from pathlib import Path

import msgspec
import pytest

from biometrics.errors import Uncalibrated
from biometrics.types import Tier
from firmware_cfg.load import PROFILES_DIR, SITES_DIR, load
from firmware_cfg.profile import Face
from gate_agent.commands.models import default_store
from gate_agent.compose import console, reader, vision
from gate_agent.live import utc_now
from gate_agent.secrets_on_disk import KeyUnusable
from gate_agent.system_clock import TrustedDay

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
    profile = msgspec.structs.replace(PROFILE, face=Face(fmr=1e-9))
    with pytest.raises(Uncalibrated, match="false match rate of 1e-09"):
        vision.load_pipeline(profile, Tier.PACKAGED, store)


def test_only_a_demo_takes_the_computers_date_as_it_is():
    assert isinstance(reader._day(PROFILE), TrustedDay)
    demo = msgspec.structs.replace(PROFILE, lane=msgspec.structs.replace(PROFILE.lane, demo=True))
    before = utc_now().date()
    assert before <= reader._day(demo)() <= utc_now().date()


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
