"""An authority's own model, from the file to a tier: described, calibrated, sealed, added."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from biometrics.errors import ModelRefused, Uncalibrated
from biometrics.models import authority, golden, manifest, store
from biometrics.models.authority import Addition
from biometrics.models.manifest import Calibration, Likelihood, Point, Weighting
from biometrics.pipeline import Pipeline
from biometrics.types import Tier
from gate_agent.cli import main

KEY = bytes(range(32))
PERSONS = 48


@pytest.fixture(scope="module")
def folder(
    recommended: Path, shared: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An authority's folder with a network that the project does not know by this name."""
    home = tmp_path_factory.mktemp("authority")
    shutil.copy(shared("models") / "mobilefacenet.onnx", home / "acme.onnx")
    people = home / "people"
    people.mkdir()
    several = [
        p for p in sorted(shared("faces", "lfw_dev").iterdir()) if len(list(p.iterdir())) > 1
    ]
    for person in several[:PERSONS]:
        (people / person.name).mkdir()
        for path in sorted(person.glob("*.jpg"))[:2]:
            shutil.copy(path, people / person.name)
    return home


def egate(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["egate", *map(str, arguments)])
    try:
        return main()
    except SystemExit as end:
        return int(end.code or 0)


def test_the_whole_path_as_an_authority_walks_it(
    folder: Path,
    recommended: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    installed = tmp_path / "models"
    shutil.copytree(recommended, installed)
    key, cal = tmp_path / "acme.key", tmp_path / "calibration.json"
    assert egate(monkeypatch, "models", "key", key) == 0
    assert key.stat().st_mode & 0o077 == 0
    capsys.readouterr()
    assert egate(monkeypatch, "models", "describe", folder / "acme.onnx", "--name", "acme") == 0
    (folder / "addition.toml").write_text(capsys.readouterr().out)
    people = folder / "people"
    command = ("face", "calibrate", "--images", people, "--addition", folder, "--out", cal)
    assert egate(monkeypatch, *command, "--live-only", "--store", installed) == 0
    seal = ("models", "seal", folder, "--calibration", cal, "--key", key)
    assert egate(monkeypatch, *seal) == 0
    add = ("models", "add", folder, "--authority-key", f"{key}.pub", "--store", installed)
    assert egate(monkeypatch, *add) == 0
    assert store.installed(installed)[-1] is Tier.AUTHORITY
    capsys.readouterr()
    assert egate(monkeypatch, "models", "list", "--json", "--store", installed) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["tiers"][-1] == "authority"
    assert {"name": "acme", "state": "installed"}.items() <= listed["models"][-1].items()
    pictures = sorted((people / sorted(p.name for p in people.iterdir())[0]).glob("*.jpg"))
    compare = ("face", "compare", *pictures[:2], "--fmr", "1e-2", "--json", "--store", installed)
    assert egate(monkeypatch, *compare) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["decision"], result["models"]["tier"]) == ("match", "authority")
    assert "acme" in result["models"]["sha256"]
    with pytest.raises(Uncalibrated, match="ceiling"):
        Pipeline(Tier.AUTHORITY, installed, None, 220, lambda: 0).threshold(5e-3)
    sealed = installed / authority.SEALED
    sealed.write_text(sealed.read_text().replace("acme.onnx", "bcme.onnx"))
    assert egate(monkeypatch, "models", "list", "--store", installed) == 1
    assert "signature" in capsys.readouterr().out
    assert egate(monkeypatch, *compare) == 1


def calibrated(**changes: Any) -> Addition:
    model = manifest.load_manifest().model("mobilefacenet")
    model = msgspec.structs.replace(model, name="acme", file="acme.onnx", **changes)
    return Addition(
        models=(model,),
        required=("yunet_n", "acme"),
        calibration=Calibration(
            provenance="a test",
            impostor_pairs=10,
            networks=(Weighting(model="acme", mean=0, deviation=1, weight=1),),
            points=(Point(fmr=1e-3, threshold=0.5),),
            likelihood=Likelihood(scores=(0.0, 1.0), llrs=(-1.0, 1.0)),
        ),
    )


def test_only_the_authoritys_own_seal_holds() -> None:
    sealed = authority.seal(calibrated(), KEY)
    public = authority.parse_key(authority.make_key(KEY)[1])
    assert authority.unseal(sealed, public) == calibrated()
    other = authority.parse_key(authority.make_key(bytes(32))[1])
    with pytest.raises(ModelRefused, match="signature"):
        authority.unseal(sealed, other)
    plain = sealed.decode().replace("0.5", "0.1", 1)
    with pytest.raises(ModelRefused, match="signature"):
        authority.unseal(plain.encode(), public)
    for broken in (b"", b"{}", sealed[:-3], sealed.replace(b'"version":1', b'"version":2')):
        with pytest.raises(ModelRefused, match="sealed"):
            authority.unseal(broken, public)


@pytest.mark.parametrize(
    ("addition", "reason"),
    [
        (msgspec.structs.replace(calibrated(), calibration=None), "not calibrated"),
        (msgspec.structs.replace(calibrated(), required=("yunet_n",)), "embed"),
        (msgspec.structs.replace(calibrated(), required=("acme", "nothing")), "nothing"),
        (calibrated(source="package"), "added"),
    ],
)
def test_an_addition_that_contradicts_itself_is_not_sealed(addition: Addition, reason: str) -> None:
    with pytest.raises(ModelRefused, match=reason):
        authority.seal(addition, KEY)


def test_the_projects_own_names_cannot_be_taken() -> None:
    theirs = calibrated()
    for changes in ({"name": "mobilefacenet"}, {"file": "mobilefacenet.onnx"}):
        model = msgspec.structs.replace(theirs.models[0], **changes)
        with pytest.raises(ModelRefused, match="the project has"):
            authority.merged(msgspec.structs.replace(theirs, models=(model,)))


def test_a_changed_byte_of_an_authoritys_model_is_refused(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "brought"
    home.mkdir()
    data = bytearray((folder / "acme.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (home / "acme.onnx").write_bytes(data)
    (home / authority.SEALED).write_bytes(authority.seal(calibrated(), KEY))
    public = authority.parse_key(authority.make_key(KEY)[1])
    with pytest.raises(ModelRefused, match="acme: SHA-256"):
        store.add_authority(home, tmp_path / "models", public)
    assert not (tmp_path / "models").exists()


def test_a_changed_manifest_of_the_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = manifest.PACKAGED_MANIFEST.read_text().replace("0.932182", "0.832182")
    path = tmp_path / "manifest.toml"
    path.write_text(text)
    assert manifest.load_manifest(path)  # a file of one's own is not the project's
    monkeypatch.setattr(manifest, "PACKAGED_MANIFEST", path)
    with pytest.raises(ModelRefused, match="released"):
        manifest.load_manifest(path)


def test_golden_pairs_are_checked_at_start(packaged: Path) -> None:
    whole = manifest.load_manifest()
    entry = whole.tiers[Tier.PACKAGED]
    pairs = entry.calibration.golden["dlib_resnet"]
    assert len(pairs) == len(golden.PAIRS)
    wrong = {"dlib_resnet": (pairs[0] - 0.01, *pairs[1:])}
    calibration = msgspec.structs.replace(entry.calibration, golden=wrong)
    entry = msgspec.structs.replace(entry, calibration=calibration)
    whole = msgspec.structs.replace(whole, tiers={Tier.PACKAGED: entry})
    with pytest.raises(ModelRefused, match="golden"):
        Pipeline(Tier.PACKAGED, packaged, None, 220, lambda: 0, manifest=whole)
