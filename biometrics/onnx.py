"""Running ONNX graphs. The one file that imports onnxruntime.

One thread a session and no spinning: on a lane's two cores a second thread gains little for
one picture, and spinning threads were measured to multiply the latency of everything else.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Otherwise it gives this computer a number and collects usage data for its makers. It reads this
# setting on import: its own `disable_telemetry_events` comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

from biometrics.errors import ModelMissing, ModelRefused
from biometrics.image import Picture
from biometrics.models.manifest import Contract

Floats = NDArray[np.float32]
Extents = list[int | str | None]

onnxruntime.set_default_logger_severity(4)

Execution = Literal["cpu", "openvino"]
_PROVIDERS: dict[Execution, tuple[str, dict[str, str]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    "openvino": ("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": "1"}),
}

_REFUSALS = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
)


def as_input(contract: Contract, pictures: list[Picture]) -> Floats:
    """Pictures as a network takes them: scaled, in its colour order and layout."""
    batch = np.stack(pictures).astype(np.float32)
    if contract.colour == "bgr":
        batch = batch[..., ::-1]
    batch = (batch - np.float32(contract.mean)) / np.float32(contract.divisor)
    if contract.layout == "nchw":
        batch = batch.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(batch)


def give_back_memory() -> None:
    """Return what loading freed to the system, where the C library can do that (glibc).

    A loaded graph leaves as much free memory behind as its weights take, in the middle of
    the heap, where it would count as used for as long as the process lives.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class OnnxSession:
    """A loaded graph.

    Args:
        name: for messages.
        model: the ONNX file.
        execution: what computes it. `openvino` needs the package onnxruntime-openvino in the
            place of onnxruntime (they carry the same module).

    Raises:
        ModelRefused: the runtime does not take it.
        ModelMissing: the runtime that is installed has no such execution.
    """

    def __init__(self, name: str, model: bytes, execution: Execution = "cpu") -> None:
        provider, settings = _PROVIDERS[execution]
        if provider not in onnxruntime.get_available_providers():
            raise ModelMissing(
                f"execution {execution}: the installed onnxruntime has no {provider}; install "
                f"onnxruntime-{execution} in its place, or set face.execution to cpu"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        self.name = name
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=[(provider, settings)]
            )
        except _REFUSALS as error:
            raise ModelRefused(f"{name}: the runtime does not take it") from error
        self.inputs: dict[str, Extents] = {v.name: v.shape for v in self._session.get_inputs()}
        self.outputs: dict[str, Extents] = {v.name: v.shape for v in self._session.get_outputs()}

    def run(self, inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        """Compute every output.

        Raises:
            ModelRefused: the graph does not take these inputs.
        """
        names = list(self.outputs)
        try:
            values = self._session.run(names, dict(inputs))
        except _REFUSALS as error:
            raise ModelRefused(f"{self.name}: the runtime cannot run it") from error
        return dict(zip(names, values, strict=True))
