"""The swim lanes of a report: people, steps, zone, exit, faults and records over time, as SVG."""

from __future__ import annotations

from html import escape

from sim.result import Result
from sim.timeline import Row

WINDOW_S = 600.0
PX_PER_S = 6.0
LEFT_PX = 92
TRACK_PX = 18
MAX_MARKS = 4_000
COLOURS = {
    "waiting": "#8fa3b8",
    "reading": "#4f7fd1",
    "verifying": "#7a5fc7",
    "deciding": "#b08a2e",
    "crossing": "#2f9e63",
    "referred": "#d9822b",
    "leaving": "#9aa58f",
    "closed": "#b3261e",
    "empty": "#dfe5ec",
    "one": "#4f7fd1",
    "many": "#b3261e",
    "unknown": "#70757d",
    "open": "#2f9e63",
}
TRACKS = ("person", "step", "zone", "exit", "mode")
MARKS = {"alarm": "#b3261e", "device": "#b3261e", "record": "#70757d", "fault": "#d9822b"}


def swim_lanes(result: Result) -> str:
    """The first ten minutes in which anything happened; the rest is in the JSON."""
    rows = [row for row in result.rows if row.what in (*TRACKS, *MARKS, "outcome", "violation")]
    if not rows:
        return "<p class=soft>Nothing was noted.</p>"
    begin_s = _interesting(rows)
    end_s = min(begin_s + WINDOW_S, max(result.virtual_s, begin_s + 10.0))
    rows = rows[-MAX_MARKS * 4 :]
    width = LEFT_PX + (end_s - begin_s) * PX_PER_S + 20
    parts: list[str] = []
    top = 22
    for lane in (lane.number for lane in result.plan.lanes):
        mine = [row for row in rows if row.lane in (0, lane)]
        parts.append(f"<text x=4 y={top + 12} font-weight=600>lane {lane}</text>")
        for track in TRACKS:
            drawn = _track([row for row in mine if row.what == track], begin_s, end_s, top)
            parts.append(f"<text x=44 y={top + 13}>{track}</text>{drawn}")
            top += TRACK_PX
        parts.append(f"<text x=44 y={top + 13}>notes</text>{_marks(mine, begin_s, end_s, top)}")
        top += TRACK_PX + 14
    shown = f"{begin_s:.0f} s to {end_s:.0f} s of {result.virtual_s:.0f} s"
    return (
        f"<p class=soft>{shown}. Point at a bar to read it.</p><div class=scroll>"
        f"<svg width={width:.0f} height={top + 6} role=img aria-label='timeline'>"
        f"{_axis(begin_s, end_s, top)}{''.join(parts)}</svg></div>"
    )


def _interesting(rows: list[Row]) -> float:
    for row in rows:
        if row.what == "person" or row.what == "violation":
            return max(0.0, row.at_s - 5.0)
    return 0.0


def _x(at_s: float, begin_s: float) -> float:
    return LEFT_PX + (at_s - begin_s) * PX_PER_S


def _axis(begin_s: float, end_s: float, height: int) -> str:
    parts = []
    at_s = begin_s - begin_s % 10
    while at_s <= end_s:
        if at_s >= begin_s:
            x = _x(at_s, begin_s)
            parts.append(
                f"<line x1={x:.0f} x2={x:.0f} y1=16 y2={height} stroke='var(--line)'/>"
                f"<text x={x + 2:.0f} y=11>{at_s:.0f} s</text>"
            )
        at_s += 10
    return "".join(parts)


def _track(rows: list[Row], begin_s: float, end_s: float, top: int) -> str:
    parts = []
    for place, row in enumerate(rows):
        until_s = rows[place + 1].at_s if place + 1 < len(rows) else end_s
        since_s, until_s = max(row.at_s, begin_s), min(until_s, end_s)
        if not row.value or until_s <= since_s:
            continue
        x, width = _x(since_s, begin_s), max(1.0, (until_s - since_s) * PX_PER_S)
        colour = COLOURS.get(row.value, "#c9a7d8" if row.what == "person" else "#dfe5ec")
        title = f"{row.what} {row.value}, {row.at_s:.1f} s, for {until_s - row.at_s:.1f} s"
        parts.append(
            f"<rect x={x:.1f} y={top + 2} width={width:.1f} height={TRACK_PX - 4} rx=2 "
            f"fill='{colour}'><title>{escape(title)}</title></rect>"
        )
        if row.what == "person" and width > 40:
            name = escape(row.value[: int(width / 6)])
            parts.append(f"<text x={x + 3:.1f} y={top + 13} style='fill:#222'>{name}</text>")
    return "".join(parts)


def _marks(rows: list[Row], begin_s: float, end_s: float, top: int) -> str:
    parts = []
    for row in rows:
        if row.what not in MARKS and row.what not in ("outcome", "violation"):
            continue
        if not begin_s <= row.at_s <= end_s:
            continue
        x = _x(row.at_s, begin_s)
        title = escape(f"{row.what} {row.value}, {row.at_s:.1f} s")
        colour = MARKS.get(row.what, "#b3261e" if row.what == "violation" else "#2f9e63")
        parts.append(
            f"<circle cx={x:.1f} cy={top + 9} r=4 fill='{colour}'><title>{title}</title></circle>"
        )
    return "".join(parts[:MAX_MARKS])
