"""The queue for an officer, from the boards of all lanes: the most urgent first."""

from __future__ import annotations

from gate_agent.console.alerts import Severity
from gate_agent.console.board import Plain, in_short

_KINDS = ("alarm", "referral", "next")


def queue_of(boards: list[Plain]) -> list[Plain]:
    """Lanes in alarm, then referrals, the longest wait first; then who is referred outside.

    Outside is before the entry of a lane with two doors, while another traveller is in the
    chamber: the lane's page shows them as soon as the chamber is free.
    """
    rows = [row for board in boards for row in _rows(board)]
    return sorted(
        rows, key=lambda row: (_KINDS.index(row["kind"]), row["since_utc_ms"], row["lane"])
    )


def _rows(board: Plain) -> list[Plain]:
    label = f"Lane {board['lane']}"
    grave = _grave(board["alarms"])
    reasons = board["reasons"] if board["referred"] else []
    rows = []
    if grave:
        rows.append(_row(board, "alarm", label, grave + reasons))
    elif board["referred"]:
        rows.append(_row(board, "referral", label, reasons))
    if board["outside"]:
        rows.append(_row(board, "next", f"{label}, before the entry", board["outside"]))
    return rows


def _row(board: Plain, kind: str, label: str, shown: list[Plain]) -> Plain:
    return {
        "lane": board["lane"],
        "href": f"/lane/{board['lane']}",
        "kind": kind,
        "label": label,
        "since_utc_ms": board["since_utc_ms"] if kind != "next" else 0,
        "reasons_text": in_short(shown),
        "tone": "alarm" if _grave(shown) else "referred",
    }


def _grave(rows: list[Plain]) -> list[Plain]:
    return [row for row in rows if row["severity"] == Severity.ALARM]
