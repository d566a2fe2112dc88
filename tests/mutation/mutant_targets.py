"""What is broken, and the fast tests that must notice: one entry for each part of the product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mutant_source import Mutant, of_module

TESTS = Path(__file__).parents[1]

CORE = tuple(
    f"gate_agent/core/test_{name}.py"
    for name in (
        "permit",
        "permit_doors",
        "ledger",
        "ledger_doors",
        "crossing",
        "stories",
        "mantrap",
        "party",
        "rows",
    )
)


class Target(NamedTuple):
    """A part of the product.

    Attributes:
        name: in the report, and for `--target`.
        tests: files below `tests/`, or pytest's own options.
        mutants: makes all mutants, in a fixed order.
        search: what is asked about a mutant that no test catches.
    """

    name: str
    tests: tuple[str, ...]
    mutants: Callable[[], list[Mutant]]
    search: Callable[[], str] | None = None

    def arguments(self) -> list[str]:
        """What pytest is given."""
        return [
            each if each.startswith("-") or " " in each else str(TESTS / each)
            for each in self.tests
        ]


def _rows() -> list[Mutant]:
    from mutant_rows import of_tables

    return of_tables()


def _planted() -> list[Mutant]:
    from mutant_planted import planted

    return planted()


def _search() -> str:
    from mutant_rows import broken_invariant

    return broken_invariant()


def _modules(*names: str, only: tuple[str, ...] = ()) -> Callable[[], list[Mutant]]:
    return lambda: [mutant for name in names for mutant in of_module(name, only)]


TARGETS = (
    Target("tables", CORE, _rows, _search),
    Target("guard", CORE, _modules("gate_agent.core.permit", "gate_agent.core.ledger"), _search),
    Target(
        "policy",
        ("gate_agent/core/test_policy.py", "gate_agent/core/test_causes.py"),
        _modules("gate_agent.core.policy", "gate_agent.core.reasons"),
    ),
    Target(
        "causes",
        ("gate_agent/core/test_causes.py", "gate_agent/core/test_policy.py"),
        _modules("gate_agent.core.causes"),
    ),
    Target(
        "alerts",
        ("gate_agent/console/test_alerts.py", "gate_agent/console/test_first_causes.py"),
        _modules("gate_agent.console.alerts"),
    ),
    Target(
        "access",
        (
            *tuple(
                f"drivers/passport/chip/test_{name}.py"
                for name in (
                    "access",
                    "access_plan",
                    "access_choice",
                    "pace",
                    "pace_limits",
                    "pace_mappings",
                )
            ),
            "drivers/passport/inspection/test_plain_documents.py",
        ),
        _modules(
            *(f"drivers.passport.chip.{name}" for name in ("access", "access_choice", "pace"))
        ),
    ),
    Target(
        "publisher",
        (
            "sync/gate/test_publisher.py",
            "sync/gate/test_publisher_rules.py",
            "sync/gate/test_send_window.py",
            "sync/gate/test_set_back.py",
            "sync/gate/test_live_records.py",
            "-knot bad_link and not sixty_hours and not while_a_backlog_drains",
        ),
        _modules(
            *(
                f"sync.gate.{name}"
                for name in ("publisher", "batch_maker", "early_records", "send_window")
            )
        ),
    ),
    Target(
        "collector",
        (
            "sync/centre/test_centre.py",
            "sync/centre/test_opened_batch.py",
            "sync/centre/test_collector_rules.py",
            "-ksqlite or opened_batch or collector_rules",
        ),
        _modules("sync.centre.collector", "sync.centre.opened_batch"),
    ),
    Target(
        "overview",
        ("sync/centre/test_overview.py",),
        _modules("sync.centre.overview"),
    ),
    Target("doctor", ("gate_agent/host/test_doctor.py",), _modules("gate_agent.host.doctor")),
    Target(
        "planted",
        (
            "gate_agent/core/test_record_facts.py",
            "sim/lane/test_computer_faults.py",
            "sync/centre/test_overview.py",
            "gate_agent/console/test_alerts.py",
            "drivers/passport/chip/test_access_choice.py",
        ),
        _planted,
    ),
)
