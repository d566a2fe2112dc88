"""The queue for an officer, from the boards of all lanes: the most urgent first."""

from __future__ import annotations

from gate_agent.console.alerts import Severity
from gate_agent.console.board import Plain, in_short
from gate_agent.console.gravity import gravity

KINDS = ("fire", "alarm", "referral", "next")
"""What waits, in this order; within a kind the gravest comes first, then the longest wait."""

EVACUATING = "Evacuation: the exit is open. See that everyone is out."


def queue_of(boards: list[Plain]) -> list[Plain]:
    """Fire and evacuation, lanes in alarm, referrals, and who is referred outside.

    Outside is before the entry of a lane with two doors, while another traveller is in the
    chamber: the lane's page shows them as soon as the chamber is free.
    """
    rows = [row for board in boards for row in _rows(board)]
    return sorted(
        rows,
        key=lambda row: (
            KINDS.index(row["kind"]),
            row["gravity"],
            row["since_utc_ms"],
            row["lane"],
        ),
    )


def evacuation_of(boards: list[Plain]) -> str:
    """The banner of every officer's page while a lane is evacuated; "" while none is."""
    lanes = [str(board["lane"]) for board in boards if board["fire"]]
    if not lanes:
        return ""
    name = f"lane {lanes[0]}" if len(lanes) == 1 else f"lanes {', '.join(lanes)}"
    return f"FIRE or EVACUATION at {name}: the exit is open. Evacuate."


def _rows(board: Plain) -> list[Plain]:
    label = f"Lane {board['lane']}"
    grave = _grave(board["alarms"])
    reasons = board["reasons"] if board["referred"] else []
    rows = []
    if board["fire"]:
        rows.append(_row(board, "fire", label, grave + reasons))
    elif grave:
        rows.append(_row(board, "alarm", label, grave + reasons))
    elif board["referred"]:
        rows.append(_row(board, "referral", label, reasons))
    if board["outside"]:
        rows.append(_row(board, "next", f"{label}, before the entry", board["outside"]))
    return rows


def _row(board: Plain, kind: str, label: str, shown: list[Plain]) -> Plain:
    texts = in_short([row for row in shown if kind != "fire" or row["code"] != "fire"])
    if kind == "fire":
        texts = "; ".join(part for part in (EVACUATING, texts) if part)
    return {
        "lane": board["lane"],
        "href": f"/lane/{board['lane']}",
        "kind": kind,
        "label": label,
        "since_utc_ms": board["since_utc_ms"] if kind != "next" else 0,
        "reasons_text": texts,
        "gravity": min((gravity(row) for row in shown), default=(0, 0)),
        "tone": "alarm" if kind == "fire" or _grave(shown) else "referred",
    }


def _grave(rows: list[Plain]) -> list[Plain]:
    return [row for row in rows if row["severity"] == Severity.ALARM]
