"""One-time codes against RFC 6238, and the command that hands them out."""

import io
import json

import pytest
from console_bench import PASSWORD, PASSWORD_HASH, SECRET
from fake_lane import now_ms

from gate_agent.cli import main
from gate_agent.console.credentials import Credentials
from gate_agent.console.officers import Officer, load_officers
from gate_agent.console.second_factor import code_at, enrolment_uri, matching_step

# RFC 6238, appendix B, SHA-1: the last six of the eight digits printed there.
RFC = ((59, "287082"), (1111111109, "081804"), (1111111111, "050471"))
RFC += ((1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130"))


@pytest.mark.parametrize(("at_s", "code"), RFC)
def test_codes_of_the_standard(at_s, code):
    assert code_at(SECRET, at_s // 30) == code
    assert matching_step(SECRET, code, at_s * 1000) == at_s // 30


@pytest.mark.parametrize(("off_s", "fits"), [(-61, False), (-30, True), (30, True), (61, False)])
def test_a_code_holds_for_one_step_to_either_side(off_s, fits):
    now_ms = (1111111110 + off_s) * 1000
    assert (matching_step(SECRET, code_at(SECRET, 1111111110 // 30), now_ms) is not None) == fits


@pytest.mark.parametrize("code", ["", "28708", "2870820", "28 082", "٢٨٧٠٨٢", "abcdef"])
def test_what_is_no_code_fits_nowhere(code):
    assert matching_step(SECRET, code, 59_000) is None


def credentials(*officers):
    return Credentials(officers, 20, 5, 60)


def test_a_code_is_good_once_and_an_older_one_no_longer():
    siti = credentials(Officer(name="siti", password_hash=PASSWORD_HASH, totp_secret=SECRET))
    assert not siti.code_fits("siti", "", 59_000)
    assert siti.code_fits("siti", " 287082 ", 59_000)
    assert not siti.code_fits("siti", "287082", 59_000)
    assert not siti.code_fits("siti", code_at(SECRET, 0), 59_000)
    assert siti.code_fits("siti", code_at(SECRET, 2), 61_000)


def test_without_a_second_factor_no_code_is_asked_for():
    budi = credentials(Officer(name="budi", password_hash=PASSWORD_HASH))
    assert budi.code_fits("budi", "", 0)
    assert not budi.code_fits("unknown", "", 0)


def test_a_console_asks_for_the_code_of_now_once(bench):
    now = code_at(SECRET, now_ms() // 30_000)
    assert bench.client().sign_in("siti", "wrong", now).status == 401
    assert bench.client().sign_in("siti", PASSWORD, "000000").status == 401
    assert bench.client().sign_in("siti", PASSWORD, now).status == 303
    assert bench.client().sign_in("siti", PASSWORD, now).status == 401


def typed(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_officers_come_and_go_by_command(tmp_path, monkeypatch, capsys):
    path = tmp_path / "officers.json"
    typed(monkeypatch, PASSWORD + "\n")
    assert main(["officer", "add", "siti", "--second-factor", "--file", str(path)]) == 0
    reported = capsys.readouterr().out
    (siti,) = load_officers(path)
    assert siti.totp_secret in reported
    assert enrolment_uri("siti", siti.totp_secret) in reported
    assert PASSWORD not in reported
    assert credentials(siti).password_fits("siti", PASSWORD)
    assert path.stat().st_mode & 0o777 == 0o600
    typed(monkeypatch, PASSWORD + "\n")
    assert main(["officer", "add", "budi", "--file", str(path)]) == 0
    capsys.readouterr()
    assert main(["officer", "list", "--json", "--file", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "siti", "second_factor": True},
        {"name": "budi", "second_factor": False},
    ]
    assert main(["officer", "remove", "siti", "--file", str(path)]) == 0
    assert [officer.name for officer in load_officers(path)] == ["budi"]
    assert [each.name for each in tmp_path.iterdir()] == ["officers.json"]


@pytest.mark.parametrize(
    ("command", "password", "says"),
    [
        (("add", "siti"), "short", "12 to 256"),
        (("add", "a b"), PASSWORD, "letters, digits"),
        (("remove", "unknown"), "", "No such file"),
        (("list",), "", "No such file"),
    ],
)
def test_a_refusal_says_why_and_writes_nothing(
    command, password, says, tmp_path, monkeypatch, capsys
):
    typed(monkeypatch, password + "\n")
    assert main(["officer", *command, "--file", str(tmp_path / "officers.json")]) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
