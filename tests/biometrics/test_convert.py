"""The converter: parity with dlib's own run, and malformed weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biometrics import dlib_models
from biometrics.convert import convert, convert_bytes
from biometrics.convert.dat import Conv, Dense, parse
from biometrics.convert.protobuf import fields
from biometrics.errors import ModelRefused, WeightsMalformed
from biometrics.image import decode
from biometrics.models import golden, store
from biometrics.models.content import check_content
from biometrics.models.manifest import load_manifest
from biometrics.onnx import OnnxSession

RESNET = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"


@pytest.fixture(scope="module")
def dat() -> bytes:
    return dlib_models.packaged_weights(RESNET).read_bytes()


@pytest.fixture(scope="module")
def converted(dat: bytes) -> OnnxSession:
    return OnnxSession("dlib_resnet", convert_bytes(dat))


@pytest.fixture(scope="module")
def reference() -> dlib_models.ReferenceNetwork:
    return dlib_models.ReferenceNetwork(dlib_models.packaged_weights(RESNET))


def test_the_file_parses_to_the_published_network(dat: bytes) -> None:
    network = parse(dat)
    convs = [layer for layer in network.layers if isinstance(layer, Conv)]
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    assert len(convs) == 29
    assert len(dense) == 1
    assert network.size_px == 150
    assert network.mean_rgb == pytest.approx((122.782, 117.001, 104.298), abs=1e-5)
    assert convs[0].weights.ravel()[:3] == pytest.approx(
        [-0.02932992, -0.01886531, -0.00566939], abs=1e-8
    )
    assert convs[0].bias[:3] == pytest.approx([1.9543e-05, 2.2054e-05, -6.2226e-05], rel=1e-4)
    assert dense[0].weights.ravel()[:3] == pytest.approx(
        [-0.00674625, -0.01018923, 0.00524825], abs=1e-8
    )


def test_the_converted_file_is_the_manifests(dat: bytes, tmp_path: Path) -> None:
    source = tmp_path / "network.dat"
    source.write_bytes(dat)
    digest = convert(source, tmp_path / "network.onnx")
    assert digest == load_manifest().model("dlib_resnet").sha256
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["network.dat", "network.onnx"]


def test_the_graph_has_one_default_operator_set(dat: bytes) -> None:
    made = convert_bytes(dat)
    check_content("dlib_resnet", made)
    assert sum(1 for number, _ in fields(memoryview(made)) if number == 8) == 1


def test_the_graph_is_valid_by_onnx_own_checker(dat: bytes) -> None:
    model = onnx.load_from_string(convert_bytes(dat))
    onnx.checker.check_model(model, full_check=True)
    assert [each.domain for each in model.opset_import] == [""]
    model.graph.node[0].op_type = "Convolution"
    with pytest.raises(onnx.checker.ValidationError, match="Convolution"):
        onnx.checker.check_model(model)


@pytest.mark.parametrize("kind", ["waves", "noise", "black", "white"])
def test_it_repeats_dlibs_output_on_synthetic_chips(
    kind: str, converted: OnnxSession, reference: dlib_models.ReferenceNetwork
) -> None:
    chips = {
        "waves": golden.drawn(),
        "noise": np.random.default_rng(5).integers(0, 256, (150, 150, 3), dtype=np.uint8),
        "black": np.zeros((150, 150, 3), np.uint8),
        "white": np.full((150, 150, 3), 255, np.uint8),
    }
    store.check_parity(converted, reference, chips[kind])


def test_it_repeats_dlibs_output_on_photographs(
    converted: OnnxSession,
    reference: dlib_models.ReferenceNetwork,
    shared: Callable[..., Path],
) -> None:
    faces = shared("faces", "lfw_dev")
    detector = dlib_models.HogDetector()
    landmarks = dlib_models.Landmarks5(dlib_models.packaged_weights(LANDMARKS))
    compared = 0
    for path in sorted(faces.glob("A*/*_0001.jpg"))[:12]:
        picture = decode(path.read_bytes())
        for box in detector.find(picture)[:1]:
            _, shape = landmarks.find(picture, box)
            store.check_parity(converted, reference, landmarks.chip(picture, shape))
            compared += 1
    assert compared >= 10


def test_parity_notices_a_wrong_scale(
    converted: OnnxSession, reference: dlib_models.ReferenceNetwork
) -> None:
    chip = golden.drawn()
    with pytest.raises(ModelRefused, match="does not repeat"):
        store.check_parity(_Scaled(converted), reference, chip)  # type: ignore[arg-type]


class _Scaled:
    """A network whose input was divided by 255 instead of 256: cosine cannot see it."""

    name = "scaled"

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        means = np.array([122.782, 117.001, 104.298], np.float32).reshape(1, 3, 1, 1)
        scaled = (inputs["rgb"] - means) * np.float32(256 / 255) + means
        return self._session.run({"rgb": scaled})


@pytest.mark.parametrize(
    ("offset", "byte"),
    [(0, 0x01), (0, 0xFF), (1, 2), (4, ord("x")), (3, 0x7F), (17, 0x10)],
)
def test_a_damaged_header_is_malformed(dat: bytes, offset: int, byte: int) -> None:
    damaged = bytearray(dat[:4096])
    damaged[offset] = byte if damaged[offset] != byte else byte ^ 1
    with pytest.raises(WeightsMalformed):
        convert_bytes(bytes(damaged))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999999])
def test_a_truncated_file_is_malformed(dat: bytes, share: float) -> None:
    with pytest.raises(WeightsMalformed):
        convert_bytes(dat[: int(len(dat) * share)])


def test_bytes_after_the_last_layer_are_malformed(dat: bytes) -> None:
    with pytest.raises(WeightsMalformed, match="1 bytes after"):
        convert_bytes(dat + b"\0")


def test_values_that_are_not_finite_are_malformed(dat: bytes) -> None:
    at = dat.index(parse(dat).layers[0].weights.tobytes()[:16])  # type: ignore[union-attr]
    with pytest.raises(WeightsMalformed, match="not finite"):
        convert_bytes(dat[:at] + b"\x00\x00\xc0\x7f" + dat[at + 4 :])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_changed_byte_of_the_structure_is_malformed_or_harmless(
    dat: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(dat)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, 500))] = data.draw(st.integers(0, 255))
    try:
        parse(bytes(damaged))
    except WeightsMalformed:
        return


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(WeightsMalformed):
        parse(data)
