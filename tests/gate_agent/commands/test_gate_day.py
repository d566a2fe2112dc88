"""The day that `document inspect` and `mrz parse` judge for."""

import argparse
import datetime
import json
from importlib import resources

import pytest

from firmware_cfg.time_zone import calendar_day
from gate_agent.cli import main
from gate_agent.commands.gate_day import add_options, day_of
from gate_agent.live import utc_now

ZONE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
NOW = datetime.datetime(2026, 12, 31, 20, 15, tzinfo=datetime.UTC)
SITE = str(resources.files("firmware_cfg"))
PROFILE = [
    f"{SITE}/{name}.toml"
    for name in (
        *("profiles/turnstile_modbus", "profiles/pn532", "profiles/mrz_line"),
        *("profiles/camera_usb", "sites/example"),
    )
]


def day(*words: str):
    parser = argparse.ArgumentParser()
    add_options(parser, "")
    return day_of(parser.parse_args([*words]), NOW)


def test_today_is_the_gates() -> None:
    assert day()[:2] == (datetime.date(2027, 1, 1), datetime.date(2026, 12, 31))
    assert day("--zone", "America/Lima").day == datetime.date(2026, 12, 31)
    assert day("--zone", "Asia/Karachi").shown() == {
        "at": "2027-01-01",
        "time_zone": "Asia/Karachi",
    }
    given = day("--at", "2028-02-29", "--zone", "Asia/Karachi")
    assert given == (datetime.date(2028, 2, 29), datetime.date(2028, 2, 29), "")
    assert given.shown() == {"at": "2028-02-29", "time_zone": None}


def test_a_profile_says_whose_today(tmp_path) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text('[lane]\ntime_zone = "Pacific/Honolulu"\n')
    words = [word for file in (*PROFILE, str(gate)) for word in ("--profile", file)]
    assert day(*words)[0::2] == (datetime.date(2026, 12, 31), "Pacific/Honolulu")
    assert day(*words, "--zone", "Asia/Tokyo").day == datetime.date(2027, 1, 1)


def test_a_report_says_for_which_day_and_zone_it_judged(capsys) -> None:
    before = utc_now()
    assert main(["document", "inspect", "--mrz", ZONE, "--zone", "Pacific/Niue", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    days = {calendar_day("Pacific/Niue", at).isoformat() for at in (before, utc_now())}
    assert report["at"] in days
    assert report["time_zone"] == "Pacific/Niue"
    assert main(["document", "inspect", "--mrz", ZONE, "--at", "2012-04-15"]) == 0
    shown = capsys.readouterr().out
    assert "expiry                   successful" in shown
    assert "day of inspection        2012-04-15\n" in shown


@pytest.mark.parametrize("action", [("document", "inspect", "--mrz"), ("mrz", "parse")])
def test_what_is_no_zone_or_no_profile_ends_with_2(capsys, tmp_path, action) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*action, ZONE, "--zone", "Asia/Djakarta"])
    assert ended.value.code == 2
    assert "such as Asia/Jakarta" in capsys.readouterr().err
    broken = tmp_path / "gate.toml"
    broken.write_text('[lane]\ntime_zone = "WIB"\n')
    words = [word for file in (*PROFILE, str(broken)) for word in ("--profile", file)]
    assert main([*action, ZONE, *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "lane.time_zone: is no time zone" in line
