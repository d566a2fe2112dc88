"""Runs a recorded inbox through the core again and says where it first differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from gate_agent.recorder import Difference, TraceError
from gate_agent.recorder import replay as replay_file


def replay(path: Path) -> Difference | None:
    """Replay one trace file; the first difference in commands, None when there is none.

    Raises:
        TraceError: the file cannot be read or is not a trace of this version.
    """
    try:
        return replay_file(path)
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from error


def to_dict(path: Path, difference: Difference | None) -> dict[str, Any]:
    """For `--json`."""
    found = None
    if difference is not None:
        found = {
            "line": difference.line,
            "at_ns": difference.at_ns,
            "event": msgspec.to_builtins(difference.event),
            "recorded_sha256": difference.recorded_sha256,
            "replayed_sha256": difference.replayed_sha256,
        }
    return {"trace": str(path), "identical": difference is None, "difference": found}
