"""Runs a recorded inbox through the core again and says where it first differs."""

from __future__ import annotations

from pathlib import Path

from gate_agent.records.recorder import Difference, TraceError
from gate_agent.records.recorder import replay as replay_file

__all__ = ["Difference", "TraceError", "replay"]


def replay(path: Path) -> Difference | None:
    """Replay one trace file; the first difference in commands, None when there is none.

    Raises:
        TraceError: the file cannot be read or is not a trace of this version.
    """
    try:
        return replay_file(path)
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from error
