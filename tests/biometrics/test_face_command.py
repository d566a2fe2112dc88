"""`egate face`: its JSON is a contract, and no picture makes it fall over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biometrics import image
from gate_agent.cli import main


@pytest.fixture
def run(packaged: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    def call(*arguments: str | Path) -> tuple[int, Any]:
        code = main(["face", *map(str, arguments), "--store", str(packaged), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return call


@pytest.fixture
def pictures(tmp_path: Path, shared: Callable[..., Path]) -> Path:
    """Six persons with two pictures each; one unreadable, one empty and one without a face."""
    source = shared("faces", "lfw_dev")
    several = [p for p in sorted(source.iterdir()) if len(list(p.glob("*.jpg"))) >= 2][:6]
    for number, person in enumerate(several):
        folder = tmp_path / "pictures" / str(number)
        folder.mkdir(parents=True)
        for path in sorted(person.glob("*.jpg"))[:2]:
            shutil.copy(path, folder)
    odd = tmp_path / "pictures" / "odd"
    odd.mkdir()
    (odd / "1.jpg").write_bytes(b"\xff\xd8 not a picture")
    (odd / "2.jpg").write_bytes(b"")
    (odd / "3.jpg").write_bytes(image.encode_jpeg(np.full((200, 300, 3), 128, np.uint8)))
    return tmp_path / "pictures"


def test_compare(run: Callable[..., Any], pictures: Path) -> None:
    a, b = sorted((pictures / "0").iterdir())
    other = min((pictures / "1").iterdir())
    code, same = run("compare", a, b)
    assert code == 0
    assert {"decision", "score", "llr", "threshold", "fmr", "quality", "pad", "models"} <= set(same)
    assert (same["decision"], same["fmr"]) == ("match", 1e-3)
    assert same["llr"] > 0
    assert len(same["quality"]) == len(same["pad"]) == 2
    assert same["pad"][0]["state"] == "not_run"
    _, different = run("compare", a, other, "--fmr", "1e-4")
    assert (different["decision"], different["fmr"]) == ("no_match", 1e-4)
    assert different["llr"] < 0


@pytest.mark.parametrize("name", ["1.jpg", "2.jpg", "3.jpg"])
def test_what_cannot_be_compared_is_undetermined(
    run: Callable[..., Any], pictures: Path, name: str
) -> None:
    code, found = run("compare", min((pictures / "0").iterdir()), pictures / "odd" / name)
    assert code == (0 if name == "3.jpg" else 2)
    assert found["decision"] == "undetermined"
    assert found["score"] is found["llr"] is None
    assert found["reasons"][0] == ""
    assert found["reasons"][1].startswith("no_face" if name == "3.jpg" else "unreadable")


def test_inspect(run: Callable[..., Any], pictures: Path) -> None:
    _, found = run("inspect", min((pictures / "0").iterdir()))
    assert found["faces"] >= 1
    assert {"yaw", "pitch", "roll"} == set(found["pose"])
    assert {part["id"] for part in found["quality"]} >= {"inter_eye_distance", "sharpness"}
    assert found["pad"]["state"] == "not_run"
    code, nothing = run("inspect", pictures / "odd" / "1.jpg")
    assert (code, nothing["faces"]) == (2, 0)
    code, nothing = run("inspect", pictures / "odd" / "3.jpg")
    assert (code, nothing["reason"]) == (0, "no_face")


def test_evaluate_and_its_files(run: Callable[..., Any], pictures: Path, tmp_path: Path) -> None:
    scores, report = tmp_path / "s.npz", tmp_path / "r.html"
    code, found = run(
        "evaluate", "--images", pictures, "--fmr", "1e-1", "0.25",
        "--scores", scores, "--report", report,
    )  # fmt: skip
    assert code == 0
    assert (found["tier"], found["identities"], found["failures_to_acquire"]) == ("packaged", 7, 3)
    assert (found["genuine"], found["impostor"]) == (6 + 3, 21)
    assert set(found["fnmr"]) == set(found["fnmr_acquired"]) == {"1e-1", "0.25"}
    row = found["fnmr"]["1e-1"]
    assert row["value"] >= 3 / 9
    assert row["ci"][0] <= row["value"] <= row["ci"][1]
    assert row["threshold"] > 0.5
    with np.load(scores) as arrays:
        assert arrays["genuine"].dtype == arrays["impostor"].dtype == np.float32
        assert int(np.isnan(arrays["genuine"]).sum()) == 3
        assert int(np.isnan(arrays["impostor"]).sum()) == 6
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_evaluate_against_chip_photographs(run: Callable[..., Any], pictures: Path) -> None:
    code, found = run("evaluate", "--images", pictures, "--chip", "--fmr", "1e-1")
    assert code == 0
    assert found["chip"] is True
    assert found["genuine_failed"] == 3


def test_calibrate_writes_numbers_only(
    run: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "c.json"
    code, said = run("calibrate", "--images", pictures, "--out", out)
    assert code == 2  # six persons are too few for any rate
    assert "too few" in said
    assert not out.exists()


def test_wrong_arguments(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("compare", tmp_path / "none.jpg", tmp_path / "none.jpg")[0] == 2
    assert run("evaluate", "--images", tmp_path / "none")[0] == 2
    assert run("evaluate", "--images", tmp_path)[0] == 2
    with pytest.raises(SystemExit):
        run("evaluate", "--images", tmp_path, "--fmr", "2")
    with pytest.raises(SystemExit):
        run("evaluate", "--images", tmp_path, "--probes", "0")


def test_a_rate_that_is_not_calibrated_is_refused(run: Callable[..., Any], pictures: Path) -> None:
    a, b = sorted((pictures / "0").iterdir())
    code, said = run("compare", a, b, "--fmr", "1e-9")
    assert code == 1
    assert "no threshold is calibrated" in said
