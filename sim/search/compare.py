"""Two runs side by side: which knobs differ, and which decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KNOBS = ("scenario", "seed", "clock", "profile", "officer", "faults")
MAX_BYTES = 64 * 1024 * 1024


class CompareError(Exception):
    """A file is not the JSON of a run."""


def read_run(path: Path) -> dict[str, Any]:
    """The JSON of a run, from its file or from the folder of its report.

    Raises:
        CompareError: it is not there, or is something else.
    """
    if path.is_dir():
        found = sorted(path.glob("*.json"))
        if len(found) != 1:
            raise CompareError(f"{path} holds {len(found)} JSON files; name one")
        path = found[0]
    try:
        with path.open("rb") as file:
            plain = json.loads(file.read(MAX_BYTES))
    except OSError as error:
        raise CompareError(
            f"{path}: {error.strerror}: `egate sim run --report` makes one"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CompareError(f"{path}: not JSON of a run: {error}") from error
    if not isinstance(plain, dict) or "cast" not in plain or "trace_sha256" not in plain:
        raise CompareError(f"{path} is not what `egate sim run --json` prints")
    return plain


def compare(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """`same`, the `knobs` and `decisions` that differ, `counts` and `steps` before and after."""
    before = {row["name"]: row for row in one["cast"]}
    after = {row["name"]: row for row in other["cast"]}
    decisions = []
    for name in [*before, *(name for name in after if name not in before)]:
        a, b = _end(before.get(name)), _end(after.get(name))
        if a != b:
            decisions.append({"name": name, "before": a, "after": b})
    counted = ("crossings", "admitted", "accepted", "refused", "abandoned", "referred")
    return {
        "same": one["trace_sha256"] == other["trace_sha256"],
        "knobs": _differing(one, other, KNOBS),
        "decisions": decisions,
        "counts": _differing(one, other, counted),
        "steps": _differing(one["steps"], other["steps"], sorted({*one["steps"], *other["steps"]})),
    }


def _end(row: dict[str, Any] | None) -> str:
    if row is None:
        return "not there"
    reasons = ", ".join(row["reasons"])
    return f"{row['outcome']} ({reasons})" if reasons else str(row["outcome"])


def _differing(one: dict[str, Any], other: dict[str, Any], keys: Any) -> dict[str, Any]:
    return {
        key: {"before": one.get(key), "after": other.get(key)}
        for key in keys
        if one.get(key) != other.get(key)
    }
