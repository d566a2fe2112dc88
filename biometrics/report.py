"""The report of an evaluation: one HTML page that needs nothing else, drawings as SVG.

It names no person: pictures and comparisons are identified by their index alone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biometrics.evaluate import Comparisons, Scores, threshold_at
from biometrics.gallery import Gallery

WIDTH, HEIGHT = 620, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 16, 48
BINS = 80
CURVE_POINTS = 200
WORST = 15
MAX_DISCARD = 0.30  # share of comparisons discarded by quality, at most
ERROR_FMR = 1e-3  # at which quality is set against error
LEAST_RATE = 1e-5

Values = NDArray[np.float64]
_BLUE, _RED, _GREY = "#1f5fa8", "#b3372f", "#8a8f98"

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2530;background:#fff;max-width:960px;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:2rem 0 .4rem}
table{border-collapse:collapse;margin:.6rem 0}
th,td{padding:.25rem .9rem .25rem 0;text-align:right;border-bottom:1px solid #d9dee5;
font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}th{font-weight:600}
td,th{white-space:nowrap}.wide{overflow-x:auto}
svg{width:100%;min-width:34rem;height:auto}svg text{font:12px system-ui,sans-serif;fill:#1c2530}
p.note{color:#4a5563;max-width:46rem}.pair{display:flex;gap:3rem;flex-wrap:wrap}
"""


def write_scores(path: Path, found: Comparisons) -> None:
    """Write arrays `genuine` and `impostor` (float32, NaN: failure to acquire)."""
    with path.open("wb") as file:
        np.savez_compressed(file, genuine=found.genuine, impostor=found.impostor)


class Axis(NamedTuple):
    """One axis: its ends, whether it is logarithmic, its marks and its name."""

    low: float
    high: float
    marks: Sequence[tuple[float, str]]
    name: str
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return (at - low) / (high - low)


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _chart(title: str, across: Axis, up: Axis, marks: Sequence[str]) -> str:
    """A drawing with its grid and names; `marks` are SVG elements in its coordinates."""
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">']
    for value, text in across.marks:
        x = _x(across, value)
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e3e7ec"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{text}</text>'
        )
    for value, text in up.marks:
        y = _y(up, value)
        parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e3e7ec"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts += marks
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{across.name}</text>'
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
        f'text-anchor="middle">{up.name}</text></svg>'
    )
    return _wide("".join(parts))


def _wide(content: str) -> str:
    """Content that a narrow screen scrolls sideways, by keyboard too."""
    return f'<div class="wide" tabindex="0">{content}</div>'


def _line(across: Axis, up: Axis, points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{_x(across, x):.1f},{_y(up, y):.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _percent_marks(low: float) -> list[tuple[float, str]]:
    rates = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    return [(rate, f"{100 * rate:g} %") for rate in rates if rate >= low]


def det_points(genuine: Scores, impostor: Scores) -> list[tuple[float, float]]:
    """Pairs of false match and false non-match rate, from 1 down to what the pairs support."""
    made = np.sort(impostor[~np.isnan(impostor)].astype(np.float64))
    if not made.size or not genuine.size:
        return []
    least = max(LEAST_RATE, 10 / made.size)
    points = []
    for fmr in np.geomspace(1.0, min(least, 1.0), CURVE_POINTS):
        missed = _missed(genuine, impostor, float(fmr))
        if missed is not None:
            points.append((float(fmr), missed))
    return points


def _missed(genuine: Scores, impostor: Scores, fmr: float) -> float | None:
    threshold = threshold_at(impostor, fmr)
    if threshold is None or not genuine.size:
        return None
    return float(1 - (genuine.astype(np.float64) >= threshold).mean())


def _det(found: Comparisons) -> str:
    points = det_points(found.genuine, found.impostor)
    if not points:
        return _nothing()
    least = max(1e-4, min((y for _, y in points if y > 0), default=1e-3) / 2)
    low = 10.0 ** math.floor(math.log10(min(points[-1][0], 0.1)))
    across = Axis(low, 1.0, _percent_marks(low), "false match rate", logarithmic=True)
    up = Axis(least, 1.0, _percent_marks(least), "false non-match rate", logarithmic=True)
    marks = [_line(across, up, points, _BLUE)]
    for fmr in (1e-2, 1e-3, 1e-4):
        missed = _missed(found.genuine, found.impostor, fmr)
        if missed is None or fmr < points[-1][0]:
            continue
        x, y = _x(across, fmr), _y(up, missed)
        marks.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_BLUE}"/>'
            f'<text x="{x + 8:.1f}" y="{y - 6:.1f}">{100 * missed:.2f} %</text>'
        )
    return _chart("detection error trade-off", across, up, marks)


def _histogram(found: Comparisons) -> str:
    right = found.genuine[~np.isnan(found.genuine)]
    wrong = found.impostor[~np.isnan(found.impostor)]
    if not right.size or not wrong.size:
        return _nothing()
    both = np.concatenate([np.percentile(wrong, [0.01, 99.99]), np.percentile(right, [0.1, 100])])
    low, high = float(both.min()), float(both.max())
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    shares = [np.histogram(s, edges)[0] / s.size for s in (right, wrong)]
    top = float(max(s.max() for s in shares))
    across = Axis(low, float(edges[-1]), _round_marks(low, high), "score")
    up = Axis(0.0, top, [(0.0, "0"), (top, f"{100 * top:.1f} %")], "share of comparisons")
    marks = []
    named = ((shares[0], _BLUE, "genuine"), (shares[1], _RED, "impostor"))
    for at, (share, colour, name) in enumerate(named):
        steps = [(float(edges[0]), 0.0)]
        for number, value in enumerate(share):
            steps += [
                (float(edges[number]), float(value)),
                (float(edges[number + 1]), float(value)),
            ]
        marks.append(_line(across, up, steps, colour))
        marks.append(
            f'<rect x="{LEFT + 14}" y="{TOP + 8 + 20 * at}" width="12" height="12" '
            f'fill="{colour}"/><text x="{LEFT + 32}" y="{TOP + 19 + 20 * at}">{name}</text>'
        )
    threshold = threshold_at(found.impostor, ERROR_FMR)
    if threshold is not None and low <= threshold <= high:
        x = _x(across, threshold)
        marks.append(
            f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" '
            f'stroke="{_GREY}" stroke-dasharray="5 4"/>'
            f'<text x="{x - 6:.1f}" y="{TOP + 60}" text-anchor="end">FMR 0.1 %</text>'
        )
    return _chart("histograms of scores", across, up, marks)


def _round_marks(low: float, high: float) -> list[tuple[float, str]]:
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-9)))
    step = next(s for s in (step / 5, step / 2, step, step * 2) if (high - low) / s <= 8)
    first = math.ceil(low / step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    values = [(first + n) * step for n in range(9) if (first + n) * step <= high]
    return [(value, f"{value:.{digits}f}") for value in values]


def discard_points(found: Comparisons, quality: Values) -> list[tuple[float, float]]:
    """False non-match rate after discarding a share of comparisons of the least quality."""
    threshold = threshold_at(found.impostor, ERROR_FMR)
    if threshold is None or not found.genuine.size:
        return []
    order = np.argsort(quality, kind="stable")
    missed = ~(found.genuine[order].astype(np.float64) >= threshold)
    points = []
    for share in np.linspace(0, MAX_DISCARD, 31):
        kept = missed[round(float(share) * missed.size) :]
        if kept.size:
            points.append((float(share), float(kept.mean())))
    return points


def _quality(found: Comparisons, references: Gallery, live: Gallery) -> str:
    if not found.genuine.size:
        return _nothing()
    pairs = np.minimum(references.quality[found.reference], live.quality[found.probe])
    points = discard_points(found, pairs.astype(np.float64))
    if not points:
        return _nothing()
    top = max(max(y for _, y in points) * 1.1, 0.01)
    across = Axis(0, MAX_DISCARD, [(s / 100, f"{s} %") for s in range(0, 31, 5)],
                  "comparisons discarded, least quality first")  # fmt: skip
    percents = [(value / 100, f"{text} %") for value, text in _round_marks(0, 100 * top)]
    up = Axis(0, top, percents, "FNMR at FMR 0.1 %")
    return _chart("quality against error", across, up, [_line(across, up, points, _BLUE)])


def _nothing() -> str:
    return '<p class="note">Too few comparisons to draw.</p>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = [f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in row)}</tr>" for row in rows]
    body = "".join(lines)
    return _wide(f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>")


def _rates(result: dict[str, Any]) -> str:
    rows = []
    for key, row in result["fnmr"].items():
        if row["value"] is None:
            rows.append([key, "not measured", "", "", ""])
            continue
        acquired = result["fnmr_acquired"][key]["value"]
        rows.append([
            key,
            f"{100 * row['value']:.2f} %",
            f"{100 * row['ci'][0]:.2f} to {100 * row['ci'][1]:.2f} %",
            "-" if acquired is None else f"{100 * acquired:.2f} %",
            f"{row['threshold']:.6f}" + ("" if row["supported"] else " *"),
        ])  # fmt: skip
    table = _table(["FMR", "FNMR", "95 % interval", "acquired only", "threshold"], rows)
    if any(row["value"] == 0 for row in result["fnmr"].values()):
        bound = 300 / result["genuine"]
        table += (
            '<p class="note">No error was seen in a row of 0 %, so its interval has no width: by '
            f"the rule of three the rate may still be up to {bound:.2g} % of such comparisons.</p>"
        )
    if all(row["supported"] for row in result["fnmr"].values()):
        return table
    return table + '<p class="note">* rests on fewer than ten impostor comparisons.</p>'


def _worst(found: Comparisons) -> str:
    failed = np.flatnonzero(np.isnan(found.genuine))
    low = np.argsort(np.where(np.isnan(found.genuine), np.inf, found.genuine), kind="stable")
    low = low[: max(0, min(WORST, found.genuine.size - failed.size))]
    high = np.argsort(-np.where(np.isnan(found.impostor), -np.inf, found.impostor), kind="stable")
    genuine = [
        [str(n), f"{found.reference[n]} / {found.probe[n]}", f"{found.genuine[n]:.4f}"] for n in low
    ]
    genuine += [
        [str(n), f"{found.reference[n]} / {found.probe[n]}", "not acquired"] for n in failed[:WORST]
    ]
    impostor = [[str(n), f"{found.impostor[n]:.4f}"] for n in high[:WORST]]
    return (
        '<div class="pair"><div><h3>Genuine, least alike</h3>'
        + _table(["comparison", "pictures", "score"], genuine)
        + "</div><div><h3>Impostors, most alike</h3>"
        + _table(["comparison", "score"], impostor)
        + "</div></div>"
    )


def page(result: dict[str, Any], found: Comparisons, references: Gallery, live: Gallery) -> str:
    """The whole report of one evaluation; `result` is what `evaluate.summary` gives."""
    eer = "not measured" if result["eer"] is None else f"{100 * result['eer']:.2f} %"
    reference = "made into a chip photograph" if result["chip"] else "as it is"
    intro = (
        f"{result['identities']} persons, {result['genuine']} genuine and {result['impostor']} "
        f"impostor comparisons; pictures not acquired: {result['failures_to_acquire']}. "
        f"Reference picture {reference}; live pictures combined: {result['probes']}. "
        f"Equal error rate {eer}."
    )
    sections = (
        ("Error rates", _rates(result)),
        ("Detection error trade-off", _det(found)),
        ("Scores", _histogram(found)),
        ("Quality against error", _quality(found, references, live)),
        ("Worst cases, by index", _worst(found)),
    )
    body = "".join(f"<h2>{title}</h2>{content}" for title, content in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Face verification, {html.escape(result['tier'])} tier</title>"
        f"<style>{_STYLE}</style></head><body>"
        f"<h1>Face verification, {html.escape(result['tier'])} tier</h1>"
        f'<p class="note">{intro} A failure to acquire counts as a non-match at every threshold; '
        "intervals come from drawing persons again. These pictures are neither chip portraits "
        "nor a gate's camera: rates at a gate have to be measured there.</p>"
        f"{body}</body></html>"
    )
