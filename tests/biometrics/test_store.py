"""The store of models: what it installs and what it refuses, by name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.convert import protobuf
from biometrics.errors import ModelMissing, ModelRefused, Uncalibrated
from biometrics.models import store
from biometrics.models.content import check_content
from biometrics.models.manifest import Calibration, Contract, Manifest, load_manifest
from biometrics.pipeline import Pipeline
from biometrics.types import Tier

MANIFEST = load_manifest()


def tiny(domain: str = "", location: int = 0, extents: tuple[int | str, ...] = ("n", 3)) -> bytes:
    """A graph that adds a constant."""
    node = protobuf.node("Add", ["x", "c"], "y")
    if domain:
        node += protobuf.block(7, domain)
    constant = protobuf.tensor("c", np.ones(3, np.float32))
    if location:
        constant += protobuf.number(14, location)
    return protobuf.model(
        [node],
        [constant],
        protobuf.value_info("x", extents),
        protobuf.value_info("y", extents),
        13,
    )


def entry(data: bytes, **changes: object) -> Manifest:
    """The manifest with one added model, these bytes."""
    contract = Contract(
        input="x", shape=("*", 3), layout="nchw", colour="rgb", size_px=3, mean=0.0,
        divisor=1.0, outputs={"y": ("*", 3)}, alignment="none",
    )  # fmt: skip
    model = msgspec.structs.replace(
        MANIFEST.model("minifas"),
        name="tiny",
        file="tiny.onnx",
        sha256=store.hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        contract=msgspec.structs.replace(contract, **changes),
    )
    return msgspec.structs.replace(MANIFEST, models=(model,), tiers={})


def add(data: bytes, manifest: Manifest, tmp_path: Path) -> tuple[str, ...]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "tiny.onnx").write_bytes(data)
    return store.add(source, tmp_path / "store", manifest)


def test_a_good_model_is_added(tmp_path: Path) -> None:
    assert add(tiny(), entry(tiny()), tmp_path) == ("tiny",)
    assert (tmp_path / "store" / "tiny.onnx").read_bytes() == tiny()


def test_a_changed_byte_is_refused_by_name(tmp_path: Path) -> None:
    data = bytearray(tiny())
    data[-5] ^= 1
    with pytest.raises(ModelRefused, match="tiny: SHA-256"):
        add(bytes(data), entry(tiny()), tmp_path)
    assert not (tmp_path / "store" / "tiny.onnx").exists()


def test_a_longer_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="tiny: SHA-256"):
        add(tiny() + b"\0", entry(tiny()), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"input": "z"},
        {"shape": ("*", 4)},
        {"shape": (3,)},
        {"outputs": {"y": ("*", 4)}},
        {"outputs": {"z": ("*", 3)}},
        {"outputs": {"y": ("*", 3), "z": ("*", 3)}},
    ],
)
def test_another_contract_is_refused_by_name(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="tiny: inputs or outputs"):
        add(tiny(), entry(tiny(), **changes), tmp_path)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (tiny(domain="com.example"), "tiny: has a custom operator"),
        (tiny(location=1), "tiny: has external data"),
        (tiny() + protobuf.block(25, b""), "tiny: defines functions"),
        (b"not a graph", "tiny: is not an ONNX file"),
        (tiny()[:-3], "tiny: is not an ONNX file"),
        (protobuf.model([], [], b"", b"", 13), "tiny: "),
    ],
)
def test_what_reaches_outside_is_refused_by_name(data: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=why):
        add(data, entry(data), tmp_path)


def test_a_custom_operator_inside_a_branch_is_found() -> None:
    inner = protobuf.block(1, protobuf.node("Add", ["x", "c"], "y") + protobuf.block(7, "evil"))
    attribute = protobuf.block(5, protobuf.block(1, "then_branch") + protobuf.block(6, inner))
    node = protobuf.node("If", ["x"], "y") + attribute
    with pytest.raises(ModelRefused, match="custom operator"):
        check_content("m", protobuf.model([node], [], b"", b"", 13))


def test_graphs_nested_without_end_are_refused() -> None:
    inner = b""
    for _ in range(40):
        node = protobuf.block(5, protobuf.block(6, inner))
        inner = protobuf.block(1, node)
    with pytest.raises(ModelRefused, match="nested"):
        check_content("m", protobuf.block(7, inner))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    try:
        check_content("m", protobuf.block(7, data))
    except ModelRefused:
        return


def test_the_packaged_tier_is_prepared_once(packaged: Path) -> None:
    assert store.installed(packaged) == (Tier.PACKAGED,)
    before = {p.name: p.stat().st_mtime_ns for p in packaged.iterdir()}
    assert store.prepare(packaged) == (
        "dlib_hog",
        "dlib_landmarks5",
        "dlib_resnet",
        "dlib_landmarks68",
    )
    assert before == {p.name: p.stat().st_mtime_ns for p in packaged.iterdir()}


def test_a_damaged_store_is_seen_and_mended(packaged: Path, tmp_path: Path) -> None:
    shutil.copytree(packaged, tmp_path, dirs_exist_ok=True)
    path = tmp_path / MANIFEST.model("dlib_resnet").file
    data = bytearray(path.read_bytes())
    data[1_000_000] ^= 1
    path.write_bytes(data)
    assert store.verify(tmp_path)["dlib_resnet"].startswith("dlib_resnet: SHA-256")
    assert store.installed(tmp_path) == ()
    store.prepare(tmp_path)
    assert store.installed(tmp_path) == (Tier.PACKAGED,)


def test_the_recommended_tier_is_added(recommended: Path) -> None:
    assert store.installed(recommended) == (Tier.PACKAGED, Tier.RECOMMENDED)
    assert not any(store.verify(recommended).values())


def test_an_incomplete_folder_adds_nothing(tmp_path: Path, shared: Callable[..., Path]) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(shared("models", "yunet_n.onnx"), source)
    with pytest.raises(ModelMissing, match="mobilefacenet"):
        store.add(source, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_an_empty_store_has_no_tier(tmp_path: Path) -> None:
    assert store.installed(tmp_path) == ()
    assert all("not installed" in fault for fault in store.verify(tmp_path).values())


@pytest.mark.parametrize("text", ["", "version = 2\nmodels = []\n[tiers]", "version = [", "\xff"])
def test_a_bad_manifest_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ModelRefused, match=r"manifest\.toml"):
        load_manifest(path)


@pytest.mark.parametrize("tier", [Tier.PACKAGED, Tier.RECOMMENDED])
def test_thresholds_rise_as_the_rate_falls(tier: Tier) -> None:
    calibration: Calibration = MANIFEST.tiers[tier].calibration
    thresholds = [calibration.at(fmr).threshold for fmr in (1e-2, 1e-3, 1e-4)]
    assert thresholds == sorted(set(thresholds))
    assert calibration.at(5e-3).fmr == 1e-3  # never laxer than asked
    with pytest.raises(Uncalibrated):
        calibration.at(9e-5)


def test_an_execution_that_the_runtime_lacks_is_named(packaged: Path) -> None:
    import onnxruntime

    if "OpenVINOExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this runtime has OpenVINO")
    with pytest.raises(ModelMissing, match="onnxruntime-openvino"):
        Pipeline(Tier.PACKAGED, packaged, None, 220, lambda: 0, execution="openvino")


def test_the_runtime_gives_this_computer_no_number_and_collects_nothing(tmp_path: Path) -> None:
    """It would in the home folder as soon as it is imported, unless that is switched off before."""
    home = {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", "import biometrics.onnx"], check=True, cwd=root, env=home)
    assert list(tmp_path.iterdir()) == []
