"""What a run was: for people, for `--json`, and for JUnit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from firmware_cfg.time_zone import time_at_gate
from sim.day.judge import CastRow, Verdict
from sim.lane.compose import Finish, Violation
from sim.scenario.scenario import Scenario
from sim.scenario.timeline import Row


@dataclass(frozen=True, kw_only=True)
class Result:
    """A run that came to its end, or was given up.

    Attributes:
        scenario: the file's name; `plan` is what it says.
        chips: `live` or `recorded`, and how many answers were computed and played back.
        wire: bytes carried over serial lines, and those of quiet polls only counted.
        queue: what became of those who came in numbers, against the Erlang estimate.
        finishes: by lane, the newest crossings.
        passed_persons: by lane, who went through as the plant counted them.
        escaped_persons: by lane, those of them who found the way open without a release.
        releases: by lane, releases that reached the plant.
        openings: by lane, releases that are on record.
        problems: why it did not pass; empty if it did.
    """

    scenario: str
    plan: Scenario
    counts: dict[str, Any]
    steps: dict[str, dict[str, float]]
    cast: list[CastRow]
    verdicts: list[Verdict]
    violations: list[Violation]
    finishes: dict[int, list[Finish]]
    passed_persons: dict[int, int]
    escaped_persons: dict[int, int]
    releases: dict[int, int]
    openings: dict[int, int]
    rows: Sequence[Row]
    moves: dict[tuple[str, str, str], int]
    records_journal: int
    records_centre: int
    lost: int
    duplicated: int
    chips: dict[str, Any]
    wire: dict[str, Any]
    queue: dict[str, Any]
    clock: str
    virtual_s: float
    trace_sha256: str
    problems: tuple[str, ...]

    @property
    def places(self) -> dict[str, str]:
        """When the run starts by the clock of each lane's place, by number (RFC 9557).

        Empty in real time, which starts when it starts.
        """
        if self.clock != "virtual":
            return {}
        utc = self.plan.start.isoformat()
        return {str(n.number): time_at_gate(self.plan.zone_of(n), utc) for n in self.plan.lanes}

    @property
    def passed(self) -> bool:
        """Whether every expectation and every invariant held."""
        return not self.problems

    def text(self) -> str:
        """For people: the cast, the claims, then what is wrong, if anything."""
        title = f"{self.plan.title} (seed {self.plan.seed}, {self.virtual_s:.1f} s"
        lines = [f"{title} of {self.clock} time, chips {self.chips['mode']})"]
        lines += [f"starts {at}" for at in sorted(set(self.places.values()))]
        lines.append("")
        for row in self.cast:
            mark = "ok" if row.ok else "NOT"
            reasons = f" ({', '.join(row.reasons)})" if row.reasons else ""
            lines.append(f"  {mark:<4}lane {row.lane}  {row.name:<24} {row.outcome}{reasons}")
        for verdict in self.verdicts:
            mark = "ok" if verdict.ok else "NOT"
            lines.append(f"  {mark:<4}{verdict.claim}: {verdict.evidence}")
        lines += ["", *(f"  wrong: {problem}" for problem in self.problems)]
        lines.append(
            f"{self.counts['crossings']} crossings, {self.counts['admitted']} admitted, "
            f"{self.records_journal} records, {self.lost} lost, {self.duplicated} doubled"
        )
        if self.trace_sha256:
            lines.append(f"trace {self.trace_sha256}")
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "scenario": self.scenario,
            "title": self.plan.title,
            "learn": self.plan.learn,
            "seed": self.plan.seed,
            "starts": self.places,
            "profile": self.plan.profile,
            "officer": msgspec.to_builtins(self.plan.officer),
            "faults": msgspec.to_builtins(self.plan.faults),
            **self.counts,
            "cast": [msgspec.to_builtins(row) for row in self.cast],
            "claims": [msgspec.to_builtins(verdict) for verdict in self.verdicts],
            "violations": [violation._asdict() for violation in self.violations],
            "records_journal": self.records_journal,
            "records_centre": self.records_centre,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "steps": self.steps,
            "chips": self.chips,
            "wire": self.wire,
            "queue": self.queue,
            "clock": self.clock,
            "virtual_s": self.virtual_s,
            "problems": list(self.problems),
            "ok": self.passed,
            "trace_sha256": self.trace_sha256,
        }

    def junit(self) -> str:
        """JUnit XML: a case for each traveller and claim, and one for the run as a whole."""
        cases = [(f"traveller {row.name}", row.ok, _ended(row)) for row in self.cast]
        cases += [(verdict.claim, verdict.ok, verdict.evidence) for verdict in self.verdicts]
        whole = "; ".join(self.problems)
        cases.append(("the run as a whole", self.passed, whole))
        failures = sum(not ok for _, ok, _ in cases)
        lines = [
            '<?xml version="1.0" encoding="utf-8"?>',
            f'<testsuite name={quoteattr(self.scenario)} tests="{len(cases)}"',
            f'  failures="{failures}" time="{self.virtual_s}">',
        ]
        for name, ok, detail in cases:
            case = f"  <testcase classname={quoteattr(self.scenario)} name={quoteattr(name)}"
            if ok:
                lines.append(case + "/>")
            else:
                lines.append(f"{case}><failure>{escape(detail)}</failure></testcase>")
        return "\n".join([*lines, "</testsuite>", ""])


def _ended(row: CastRow) -> str:
    return f"{row.expected} expected ({', '.join(row.expected_reasons)}), {row.outcome}" + (
        f" ({', '.join(row.reasons)})" if row.reasons else ""
    )
