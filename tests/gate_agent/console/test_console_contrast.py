"""Colours of the officers' pages against WCAG 2.2: 1.4.3 for text, 1.4.11 for edges."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STYLE = (files("gate_agent.console") / "static/officer.css").read_text("utf-8")
TONES = ("green", "red", "yellow", "grey", "blue")
TEXT = [
    ("ink", "page"),
    ("ink", "card"),
    ("ink", "raised"),
    ("soft", "page"),
    ("soft", "card"),
    ("soft", "raised"),
    ("accent", "card"),
    *((tone, "card") for tone in TONES),
    *((tone, f"{tone}-bg") for tone in TONES),
    *(("ink", f"{tone}-bg") for tone in TONES),
    *(("on-tone", tone) for tone in (*TONES, "accent")),
]


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))


LIGHT, DARK = (colours(block) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL))


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, as WCAG defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_that_of_wcag():
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("shown", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])
def test_text_and_edges_stand_out(shown):
    poor = {pair: contrast(shown[pair[0]], shown[pair[1]]) for pair in TEXT}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 4.5} == {}
    assert min(contrast(shown["edge"], shown[behind]) for behind in ("card", "raised")) >= 3


def test_dark_names_every_colour_that_light_does():
    assert set(LIGHT) == set(DARK)
