from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from firmware_cfg.load import (
    FILE_MAX_BYTES,
    PROFILES_DIR,
    SITES_DIR,
    ProfileError,
    check,
    load,
    schema_json,
    sha256,
)
from firmware_cfg.profile import Policy, Profile
from firmware_cfg.rules import CORE_CHECKS

DEVICES = [
    PROFILES_DIR / name
    for name in ("turnstile_modbus.toml", "pn532.toml", "mrz_line.toml", "camera_usb.toml")
]
PRODUCTION = [*DEVICES, SITES_DIR / "example.toml"]
DEMO_GATE = """
[lane]
gate = "demo-1"
number = 1
[camera]
source = "mjpeg:http://127.0.0.1:9001/"
[mrz_reader]
port = "/tmp/run/mrz"
[chip_reader]
port = "/tmp/run/chip"
[turnstile]
port = "/dev/pts/7"
"""


def overlay(tmp_path: Path, text: str, name: str = "gate.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def only_error(paths: list[Path]) -> ProfileError:
    errors = check(paths)
    assert len(errors) == 1, errors
    with pytest.raises(ProfileError) as caught:
        load(paths)
    assert str(caught.value) == str(errors[0])
    return errors[0]


def test_the_example_is_a_production_profile() -> None:
    profile = load(PRODUCTION)
    assert not profile.lane.demo
    assert profile.policy.pad_required
    assert profile.turnstile.registers.mode == 0x3000
    assert profile.turnstile.port == "/dev/egate/turnstile"


def test_the_demo_site_takes_marked_material_and_still_wants_pad(tmp_path: Path) -> None:
    profile = load([*DEVICES, SITES_DIR / "demo.toml", overlay(tmp_path, DEMO_GATE)])
    assert profile.lane.demo
    assert profile.policy.pad_required
    relaxed = overlay(tmp_path, DEMO_GATE + "[policy]\npad_required = false\n")
    assert not load([*DEVICES, SITES_DIR / "demo.toml", relaxed]).policy.pad_required


def test_slower_bus_is_an_overlay() -> None:
    slow = PROFILES_DIR / "turnstile_modbus_9600.toml"
    profile = load([DEVICES[0], slow, *DEVICES[1:], SITES_DIR / "example.toml"])
    assert (profile.turnstile.baud, profile.turnstile.poll_ms) == (9600, 150)
    assert profile.turnstile.registers.error == 0x48


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("[turnstile]\nunit = 300", "turnstile.unit", "<= 247"),
        ("[turnstile]\nbaud = 'fast'", "turnstile.baud", "int"),
        ("[face]\nfmr = 0.5", "face.fmr", "0.01"),
        ("[lane]\nnumber = 0", "lane.number", ">= 1"),
        ("[lane]\ncolour = 'red'", "lane.colour", "unknown"),
        ("[turnstile.registers]\nmode = 70000", "turnstile.registers.mode", "65535"),
        ("[policy]\nmandatory_checks = [1]", "policy.mandatory_checks[0]", "str"),
        ("turnstile = 3", "turnstile", "object"),
        ("[policy]\npad_required = false", "policy.pad_required", "lane.demo"),
        ("[lane]\nofficer_lease_required = false", "lane.officer_lease_required", "lane.demo"),
        ("[camera]\nsource = 'file:a.png'", "camera.source", "real camera"),
        ("[camera]\nsource = 'sim:/run/x'", "camera.source", "real camera"),
        ("[camera]\nsource = 'mjpeg:http://127.0.0.1/'", "camera.source", "real camera"),
        ("[camera]\nsource = 'rtsp://localhost/1'", "camera.source", "real camera"),
        ("[camera]\nsource = 'rtsp://127.0.0.1:8554/1'", "camera.source", "real camera"),
        ("[camera]\nsource = 'rtsp://[::1]/1'", "camera.source", "real camera"),
        ("[camera]\nsource = 'rtsp://[bad/1'", "camera.source", "real camera"),
        ("[camera]\nsource = 'rtsp://gate:hid#den@camera/1'", "camera.source", "credentials"),
        ("[camera]\nsource = 'rtsp://gate:77#den@camera/1'", "camera.source", "credentials"),
        ("[camera]\nsource = 'rtsp://gate:77/den@camera/1'", "camera.source", "credentials"),
        ("[camera]\nsource = 'rtsp://gate:hid?den@camera/1'", "camera.source", "credentials"),
        ("[camera]\nsource = 'rtsp://gate:hid@den@camera/1'", "camera.source", "credentials"),
        ("[camera]\nsource = 'rtsp://camera:99999/1'", "camera.source", "network camera"),
        (
            "[camera]\nsource = 'rtsp://gate:hidden@camera/1'\ncredentials = 'camera'",
            "camera.source",
            "keep one",
        ),
        ("[camera]\nsource = 'device:../x'", "camera.source", "real camera"),
        ("[turnstile]\nport = '/dev/pts/3'", "turnstile.port", "serial device"),
        ("[turnstile]\nport = '/dev/serial/../pts/3'", "turnstile.port", "serial device"),
        ("[turnstile]\nport = '//dev/ttyUSB0'", "turnstile.port", "serial device"),
        ("[mrz_reader]\nport = '/run/egate/mrz'", "mrz_reader.port", "serial device"),
        ("[chip_reader]\nport = 'ttyUSB0'", "chip_reader.port", "serial device"),
        ("[turnstile]\npoll_ms = 80\nheartbeat_ms = 70", "turnstile.heartbeat_ms", "poll_ms"),
        ("[turnstile]\nstale_ms = 1500", "turnstile.stale_ms", "plant_stale_ms"),
        ("[turnstile]\nbackoff_ms = 50", "turnstile.backoff_ms", "answer_ms"),
        ("[turnstile]\nstale_ms = 849", "turnstile.stale_ms", "must be at least 850"),
        (
            '[[turnstile.settings]]\nname = "x"\nregister = 0x40\nvalue = 1',
            "turnstile.settings",
            "releases",
        ),
        ("[sync]\nretry_min_ms = 40000", "sync.retry_max_ms", "retry_min_ms"),
        ("[turnstile.registers]\nerror = 0x45", "turnstile.registers.error", "overlaps"),
        (
            "[turnstile.registers]\ncounter_exit = 0xFFFF",
            "turnstile.registers.counter_exit",
            "last",
        ),
    ],
)
def test_a_wrong_value_names_file_field_and_bound(
    tmp_path: Path, text: str, field: str, words: str
) -> None:
    gate = overlay(tmp_path, text)
    error = only_error([*PRODUCTION, gate])
    assert error.field == field
    assert words in error.problem
    assert "den" not in error.problem.replace("credentials", "")
    if field not in ("turnstile.heartbeat_ms", "sync.retry_max_ms"):
        assert error.file == str(gate)


def test_the_file_named_is_the_one_that_set_the_field(tmp_path: Path) -> None:
    bad = overlay(tmp_path, "[turnstile]\nunit = 0\n", "bad.toml")
    good = overlay(tmp_path, "[turnstile]\nport = '/dev/ttyS1'\n", "good.toml")
    assert only_error([*PRODUCTION, bad, good]).file == str(bad)


def test_plain_mqtt_stays_on_the_machine(tmp_path: Path) -> None:
    """The example gate without its certificates: only a broker on loopback may hear it."""
    plain = tmp_path / "plain.toml"
    example = (SITES_DIR / "example.toml").read_text()
    plain.write_text(example[: example.index("[sync.tls]")])
    devices = [path for path in PRODUCTION if path.name != "example.toml"]
    assert only_error([*devices, plain]).field == "sync.tls"
    for host, good in (
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("10.0.0.1", False),
    ):
        gate = overlay(tmp_path, f"[sync]\nhost = '{host}'\n")
        assert bool(check([*devices, plain, gate])) is not good, host


def test_two_devices_on_one_port_are_both_named(tmp_path: Path) -> None:
    gate = overlay(tmp_path, "[mrz_reader]\nport = '/dev/egate/chip'\n")
    fields = {error.field for error in check([*PRODUCTION, gate])}
    assert fields == {"mrz_reader.port", "chip_reader.port"}


def test_a_missing_field_is_named() -> None:
    error = only_error([*DEVICES, SITES_DIR / "demo.toml"])
    assert error.field == "turnstile.port"


def test_real_cameras_are_taken(tmp_path: Path) -> None:
    for source in ("device:0", "device:/dev/video2", "rtsp://10.1.2.3/stream"):
        gate = overlay(tmp_path, f"[camera]\nsource = '{source}'\n")
        assert load([*PRODUCTION, gate]).camera.source == source


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"a = [", "not TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a = " + b"9" * 5000, "not TOML"),
        (b"a = " + b"[" * 50_000, "not TOML"),
        (b"#" * (FILE_MAX_BYTES + 1), "longer"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, raw: bytes, problem: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(raw)
    error = only_error([path])
    assert (error.file, error.field) == (str(path), "")
    assert problem in error.problem


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert only_error([tmp_path / "none.toml"]).problem == "No such file or directory"
    assert only_error([]).field == ""


@given(raw=st.binary(max_size=200))
def test_any_bytes_end_in_a_profile_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes):
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(raw)
    assert check([path])


def test_the_hash_follows_meaning_alone(tmp_path: Path) -> None:
    same = overlay(tmp_path, "[turnstile]\nunit = 1 # as it was\n")
    other = overlay(tmp_path, "[turnstile]\nunit = 2\n", "other.toml")
    assert sha256(load(PRODUCTION)) == sha256(load([*PRODUCTION, same]))
    assert sha256(load(PRODUCTION)) != sha256(load([*PRODUCTION, other]))
    assert len(sha256(load(PRODUCTION))) == 64


def test_a_path_that_cannot_be_looked_at_is_reported() -> None:
    assert check([Path("x" * 300)])[0].problem == "File name too long"


def test_the_schema_describes_the_profile() -> None:
    schema = json.loads(schema_json())
    names = set(schema["$defs"]["Profile"]["properties"])
    assert names == {field.name for field in msgspec.structs.fields(Profile)}


def test_the_schema_accepts_what_is_loaded_and_nothing_beyond_a_bound() -> None:
    judge = Draft202012Validator(json.loads(schema_json()))
    judge.check_schema(judge.schema)
    plain = json.loads(msgspec.json.encode(load(PRODUCTION)))
    assert [error.message for error in judge.iter_errors(plain)] == []
    plain["lane"]["number"] = 0
    assert [error.json_path for error in judge.iter_errors(plain)] == ["$.lane.number"]


@pytest.mark.parametrize("demo", [False, True])
@pytest.mark.parametrize("check_id", CORE_CHECKS)
def test_no_gate_leaves_out_a_check_that_makes_a_document(tmp_path, check_id, demo) -> None:
    base = [*DEVICES, SITES_DIR / "demo.toml", overlay(tmp_path, DEMO_GATE)] if demo else PRODUCTION
    left = json.dumps([name for name in Policy().mandatory_checks if name != check_id])
    less = overlay(tmp_path, f"[policy]\nmandatory_checks = {left}", "less.toml")
    assert only_error([*base, less]).field == "policy.mandatory_checks"
    lax = overlay(tmp_path, f'[policy]\nundetermined_allowed = ["{check_id}"]', "lax.toml")
    assert only_error([*base, lax]).field == "policy.undetermined_allowed"


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ("[turnstile]\nbackoff_ms = 700", "turnstile.stale_ms", "must be at least 950"),
        ("[turnstile]\nheartbeat_ms = 1000", "turnstile.heartbeat_ms", "must be less than"),
        ('[turnstile]\ndriver = "relay_io"', "turnstile.driver", "barrier"),
        ('[turnstile]\ndriver = "swing"', "turnstile.settings", "register map"),
        ('[lane]\ntopology = "mantrap"', "turnstile.driver", "must be relay_io"),
    ],
)
def test_rules_across_files(tmp_path: Path, text: str, field: str, problem: str) -> None:
    errors = check([*PRODUCTION, overlay(tmp_path, text)])
    assert any(error.field == field and problem in error.problem for error in errors), errors


def mantrap(tmp_path: Path, more: str = "") -> list[Path]:
    gate = tmp_path / "gate.toml"
    gate.write_text('[lane]\ntopology = "mantrap"\n' + more)
    names = ("io_module", "pn532", "mrz_line", "camera_usb", "camera_column")
    port = tmp_path / "column.toml"
    port.write_text('[camera.column]\nport = "/dev/egate/column"\n')
    files = [PROFILES_DIR / f"{name}.toml" for name in names]
    return [*files, SITES_DIR / "example.toml", port, gate]


def test_two_doors_with_a_module_and_a_column_are_a_production_profile(tmp_path: Path) -> None:
    profile = load(mantrap(tmp_path))
    assert (profile.turnstile.driver, profile.turnstile.io.watchdog_ms) == ("relay_io", 1_000)
    assert profile.camera.column is not None


@pytest.mark.parametrize(
    ("more", "field", "problem"),
    [
        ("[turnstile.io]\nfire_ok = 16", "turnstile.io.closed_housing", "number of fire_ok"),
        ("[turnstile.io.exit]\nrelease = 0", "turnstile.io.exit.release", "entry.release"),
        ("[turnstile.io]\ndirection = 1", "turnstile.io.direction", "exit.release"),
        ("[turnstile.io.exit]\nrelease = 16", "turnstile.io", "coils 0 to 15"),
        ("[turnstile.io]\nwatchdog_ms = 650", "turnstile.io.watchdog_ms", "more than 650"),
        ("[turnstile.io]\nclosed_housing = 99", "turnstile.io.closed_housing", "63"),
    ],
)
def test_wiring_that_cannot_be_is_named(
    tmp_path: Path, more: str, field: str, problem: str
) -> None:
    error = only_error(mantrap(tmp_path, more))
    assert (error.field, problem in error.problem) == (field, True)


def test_every_device_profile_is_laid_over_by_some_lane() -> None:
    tested = {"turnstile_modbus", "pn532", "mrz_line", "camera_usb", "io_module", "camera_column"}
    tested |= {"turnstile_modbus_9600", "turnstile_swing", "camera_rtsp"}
    assert {path.stem for path in PROFILES_DIR.glob("*.toml")} == tested


def test_a_swing_gate_and_a_network_camera_are_a_production_profile(tmp_path: Path) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text('[camera]\nsource = "rtsp://192.0.2.7/live"\n')
    names = ("turnstile_swing", "pn532", "mrz_line", "camera_rtsp")
    files = [PROFILES_DIR / f"{name}.toml" for name in names]
    assert load([*files, SITES_DIR / "example.toml", gate]).turnstile.driver == "swing"


def test_a_folder_stands_for_its_overlays_by_name(tmp_path: Path) -> None:
    for number, path in enumerate(PRODUCTION):
        (tmp_path / f"{number}0-{path.name}").write_bytes(path.read_bytes())
    assert sha256(load([tmp_path])) == sha256(load(PRODUCTION))
    (tmp_path / "95-gate.toml").write_text("[turnstile]\nunit = 300\n")
    error = only_error([tmp_path])
    assert (error.file, error.field) == (str(tmp_path / "95-gate.toml"), "turnstile.unit")
    assert check([tmp_path / "empty"])[0].problem
