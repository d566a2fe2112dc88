"""The swim lanes of a report: people, steps, zone, exit, faults and records over time, as SVG."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from sim.day.result import Result
from sim.scenario.timeline import Row

WINDOW_S = 600.0
LEAD_S = {"person": 5.0, "violation": 60.0}
PX_PER_S = (6.0, 40.0)
WIDTH_PX = 1_000.0
NAMES_PX = 92
TRACK_PX = 18
LETTER_PX = 6.5
MIN_NAME_PX = 40
MAX_MARKS = 4_000
MAX_NOTES = 300
IDLE = "var(--idle)"
PERSON = "#cdb3da"
QUIET = {("exit", "closed"), ("zone", "empty"), ("mode", "auto"), ("step", "waiting")}
"""How a lane rests: drawn as background."""

COLOURS = {
    "reading": "#86aeea",
    "verifying": "#b3a0e6",
    "deciding": "#d9bd6c",
    "crossing": "#6fc797",
    "referred": "#eda95f",
    "leaving": "#b5c2a4",
    "closed": "#f0938a",
    "out_of_service": "#f0938a",
    "evacuation": "#f0938a",
    "one": "#86aeea",
    "many": "#f0938a",
    "open": "#6fc797",
}
OTHER = "#aab4c0"
TRACKS = ("person", "step", "zone", "exit", "mode")
MARKS = {
    "record": "#70757d",
    "outcome": "#2f9e63",
    "fault": "#d9822b",
    "alarm": "#d33a2f",
    "device": "#d33a2f",
    "violation": "#d33a2f",
}


class Window(NamedTuple):
    """The time that is shown, and its scale: a short run fills the page."""

    begin_s: float
    end_s: float

    @property
    def px_per_s(self) -> float:
        """Pixels of a second."""
        least, most = PX_PER_S
        return min(most, max(least, WIDTH_PX / (self.end_s - self.begin_s)))

    def x(self, at_s: float) -> float:
        """Where a moment is."""
        return (at_s - self.begin_s) * self.px_per_s


def swim_lanes(result: Result) -> str:
    """Ten minutes from the first broken invariant or else the first person; all is in the JSON."""
    rows = [row for row in result.rows if row.what in (*TRACKS, *MARKS)]
    if not rows:
        return "<p class=soft>Nothing was noted.</p>"
    begin_s = _interesting(rows)
    end_s = min(begin_s + WINDOW_S, max(result.virtual_s, begin_s + 10.0))
    window = Window(begin_s, end_s)
    rows = [row for row in rows if row.at_s <= end_s]
    names: list[str] = []
    parts: list[str] = []
    top = 22
    for lane in (lane.number for lane in result.plan.lanes):
        mine = [row for row in rows if row.lane in (0, lane)]
        names.append(f"<text x=0 y={top + 13} font-weight=600>lane {lane}</text>")
        for track in TRACKS:
            names.append(f"<text x=46 y={top + 13}>{track}</text>")
            parts.append(_track([row for row in mine if row.what == track], window, top))
            top += TRACK_PX
        names.append(f"<text x=46 y={top + 13}>notes</text>")
        parts.append(_marks(mine, window, top))
        top += TRACK_PX + 14
    size = f"width={window.x(end_s) + 24:.0f} height={top + 6}"
    shown = f"{begin_s:.0f} s to {end_s:.0f} s of {result.virtual_s:.0f} s"
    return (
        f"<p class=soft>{shown}. Scroll sideways; point at a bar or a note to read it.</p>"
        f"{_legend()}<div class='scroll time' tabindex=0 role=region aria-label='timeline'>"
        f"<svg class=names width={NAMES_PX} height={top + 6} aria-hidden=true>"
        f"{''.join(names)}</svg><svg {size} role=img aria-label='timeline of the lanes'>"
        f"{_axis(window, top)}{''.join(parts)}</svg></div>"
        f"{_notes([row for row in rows if row.at_s >= begin_s])}"
    )


def _legend() -> str:
    """What the colours mean."""
    steps = ("reading", "verifying", "deciding", "crossing", "referred", "closed")
    bars = [(COLOURS[step], step, "") for step in steps]
    dots = [(MARKS[what], what, " class=dot") for what in ("record", "outcome", "fault", "alarm")]
    shown = "".join(
        f"<span><i{shape} style='background:{colour}'></i>{name}</span>"
        for colour, name, shape in ((IDLE, "at rest", ""), *bars, *dots)
    )
    return f"<p class=legend>{shown}</p>"


def _notes(rows: list[Row]) -> str:
    """The notes as a table, for those who cannot point at them."""
    noted = [row for row in rows if row.what in MARKS and row.what != "record"]
    if not noted:
        return ""
    body = "".join(
        f"<tr><td class=n>{row.at_s:.1f}</td><td>{row.lane or 'all'}</td>"
        f"<td>{row.what}</td><td>{escape(row.value)}</td></tr>"
        for row in noted[:MAX_NOTES]
    )
    cut = f", the first {MAX_NOTES}" if len(noted) > MAX_NOTES else ""
    return (
        f"<details><summary>Outcomes, faults and alarms as a list ({len(noted)}{cut})</summary>"
        "<table><thead><tr><th class=n>s</th><th>Lane</th><th>Note</th><th>What</th></tr></thead>"
        f"<tbody>{body}</tbody></table></details>"
    )


def _interesting(rows: list[Row]) -> float:
    for what in ("violation", "person"):
        for row in rows:
            if row.what == what:
                return max(0.0, row.at_s - LEAD_S[what])
    return 0.0


def _axis(window: Window, height: int) -> str:
    parts = []
    at_s = window.begin_s - window.begin_s % 10
    while at_s <= window.end_s:
        if at_s >= window.begin_s:
            x = window.x(at_s)
            parts.append(
                f"<line x1={x:.0f} x2={x:.0f} y1=16 y2={height} stroke='var(--line)'/>"
                f"<text x={x + 2:.0f} y=11>{at_s:.0f} s</text>"
            )
        at_s += 10
    return "".join(parts)


def _track(rows: list[Row], window: Window, top: int) -> str:
    parts = []
    for place, row in enumerate(rows):
        until_s = rows[place + 1].at_s if place + 1 < len(rows) else window.end_s
        since_s, until_s = max(row.at_s, window.begin_s), min(until_s, window.end_s)
        if not row.value or until_s <= since_s:
            continue
        x, width = window.x(since_s), max(1.0, window.x(until_s) - window.x(since_s))
        title = f"{row.what} {row.value}, {row.at_s:.1f} s, for {until_s - row.at_s:.1f} s"
        edge = "" if (row.what, row.value) in QUIET else " stroke='#0006'"
        parts.append(
            f"<rect x={x:.1f} y={top + 2} width={width:.1f} height={TRACK_PX - 4} rx=2 "
            f"fill='{_colour(row)}'{edge}><title>{escape(title)}</title></rect>"
        )
        whole = width > len(row.value) * LETTER_PX + 6
        if (whole and edge) or (row.what == "person" and width > MIN_NAME_PX):
            name = escape(row.value[: int((width - 6) / LETTER_PX)])
            parts.append(f"<text x={x + 3:.1f} y={top + 13} class=on>{name}</text>")
    return "".join(parts)


def _colour(row: Row) -> str:
    if (row.what, row.value) in QUIET:
        return IDLE
    return PERSON if row.what == "person" else COLOURS.get(row.value, OTHER)


def _marks(rows: list[Row], window: Window, top: int) -> str:
    parts = []
    for row in rows:
        if row.what not in MARKS or not window.begin_s <= row.at_s <= window.end_s:
            continue
        x = window.x(row.at_s)
        title = escape(f"{row.what} {row.value}, {row.at_s:.1f} s")
        parts.append(
            f"<circle cx={x:.1f} cy={top + 9} r=4 fill='{MARKS[row.what]}'>"
            f"<title>{title}</title></circle>"
        )
    return "".join(parts[:MAX_MARKS])
