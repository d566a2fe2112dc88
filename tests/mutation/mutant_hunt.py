"""Judges mutants by tests: pytest collects once, then every mutant is a fork of that process.

First all tests run without a mutant, line by line: they must pass, and what lines each runs is
kept. A mutant is then judged by the tests that run its line alone, those that caught another
one of the same function first, the quick ones before the slow. A test that fails, a process
that dies and one that does not come to an end catch it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from mutant_source import Mutant

WORKERS = 2
MIN_CPU_S = 4
CPU_FACTOR = 3
MUTANT_WAIT_S = 240
BASELINE_WAIT_S = 900
OPTIONS = (
    *("--override-ini=addopts=", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
    *("-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:faulthandler"),
)


class Catch(NamedTuple):
    """By what a mutant was caught, "" for a survivor."""

    mutant: str
    by: str


class Ran(NamedTuple):
    """One test without a mutant: how long it took, and the lines (file, number) that it ran."""

    seconds: float
    lines: frozenset[tuple[str, int]]


class Broken(Exception):
    """The tests do not pass without a mutant."""


class Hunt:
    """A plugin of pytest that hunts in the place of running the tests.

    Args:
        mutants: makes them, once the tests are imported.
        search: what else may catch a mutant that no test does; its name, or "".
    """

    def __init__(
        self,
        mutants: Callable[[], list[Mutant]],
        search: Callable[[], str] | None,
        report: Callable[[Catch], None],
    ) -> None:
        self._mutants = mutants
        self._search = search
        self._report = report
        self._failed = ""
        self.error = ""

    def pytest_collection(self) -> None:
        """The same examples every time, few, and not made small."""
        settings.register_profile(
            "mutants",
            deadline=None,
            derandomize=True,
            database=None,
            max_examples=100,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Hunt."""
        items = session.items
        mutants = self._mutants()
        files = frozenset(mutant.file for mutant in mutants)
        (answer,) = _forked([lambda: self._baseline(items, files)], BASELINE_WAIT_S, workers=1)
        if not isinstance(answer[1], list):
            self.error = str(answer[1])
            return True
        ran: list[Ran | None] = answer[1]
        catchers: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        tasks = (
            lambda mutant=mutant: self._judge(mutant, items, ran, _order(mutant, ran, catchers))
            for mutant in mutants
        )
        for number, by in _forked(tasks, MUTANT_WAIT_S, WORKERS):
            mutant = mutants[number]
            if isinstance(by, int):
                catchers[mutant.place][by] += 1
            self._report(Catch(mutant.name, items[by].nodeid if isinstance(by, int) else by))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what failed."""
        if report.failed:
            self._failed = f"{report.nodeid} ({report.when}): {report.longreprtext[-1500:]}"

    def _baseline(
        self, items: Sequence[pytest.Item], files: frozenset[str]
    ) -> list[Ran | None] | str:
        """Run every test without a mutant; None for one that was skipped."""
        ran: list[Ran | None] = []
        for item, following in _with_next(items):
            lines: set[tuple[str, int]] = set()
            began = time.perf_counter()
            with _traced(files, lines):
                self._run(item, following)
            if self._failed:
                return f"fails without a mutant: {self._failed}"
            ran.append(Ran(time.perf_counter() - began, frozenset(lines)))
        return ran

    def _judge(
        self,
        mutant: Mutant,
        items: Sequence[pytest.Item],
        ran: Sequence[Ran | None],
        order: list[int],
    ) -> int | str:
        """The number of the first test that fails, or what else catches it, "" if nothing does."""
        if self._search is None:
            took_s = sum(each.seconds for each in map(ran.__getitem__, order) if each is not None)
            most_s = MIN_CPU_S + int(CPU_FACTOR * took_s)
            resource.setrlimit(resource.RLIMIT_CPU, (most_s, most_s))
        try:
            mutant.apply()
        # A module that was broken on purpose may raise anything while it is imported, and whatever
        # it raises, the mutant is caught: no narrower type would say that.
        except Exception as error:  # noqa: BLE001
            return f"cannot be imported: {type(error).__name__}"
        for number, following in _with_next(order):
            self._run(items[number], None if following is None else items[following])
            if self._failed:
                with contextlib.suppress(Exception):
                    items[number].session._setupstate.teardown_exact(None)
                return number
        return self._search() if self._search is not None else ""

    def _run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def hunt(
    files: Sequence[str],
    mutants: Callable[[], list[Mutant]],
    search: Callable[[], str] | None,
    report: Callable[[Catch], None],
) -> None:
    """Judge all mutants by these tests (paths, or pytest's own options).

    Raises:
        Broken: the tests cannot judge.
    """
    hunter = Hunt(mutants, search, report)
    code = pytest.main([*OPTIONS, *files], plugins=[hunter])
    if hunter.error or code:
        raise Broken(hunter.error or f"pytest ends with {code}")


def _order(mutant: Mutant, ran: list[Ran | None], catchers: dict[str, dict[int, int]]) -> list[int]:
    """The tests that may notice a mutant, the likeliest first."""
    wanted = {(mutant.file, line) for line in mutant.lines}
    able = [
        number
        for number, each in enumerate(ran)
        if each is not None and (not wanted or wanted & each.lines)
    ]
    caught = catchers[mutant.place]
    return sorted(able, key=lambda number: (-caught[number], ran[number].seconds))


def _with_next(items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items, [*items[1:], None], strict=True)


@contextlib.contextmanager
def _traced(files: frozenset[str], lines: set[tuple[str, int]]) -> Iterator[None]:
    """Collect the lines of these files that run meanwhile, in every thread."""

    def in_function(frame: FrameType, event: str, argument: object) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return in_function

    def anywhere(frame: FrameType, event: str, argument: object) -> Any:
        return in_function if frame.f_code.co_filename in files else None

    threading.settrace(anywhere)
    sys.settrace(anywhere)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)


# --- forks ----------------------------------------------------------------------------


class _Child(NamedTuple):
    number: int
    pid: int
    pipe: int
    folder: Path
    ends_s: float
    data: bytearray


def _forked(
    tasks: Iterable[Callable[[], Any]], wait_s: float, workers: int
) -> Iterator[tuple[int, Any]]:
    """Run each task in a process of its own; (its number, what it gives or why it gave nothing)."""
    running: dict[int, _Child] = {}
    try:
        yield from _run_forks(enumerate(tasks), running, wait_s, workers)
    finally:
        for child in running.values():
            _ended(child)


def _run_forks(
    waiting: Iterator[tuple[int, Callable[[], Any]]],
    running: dict[int, _Child],
    wait_s: float,
    workers: int,
) -> Iterator[tuple[int, Any]]:
    while True:
        while len(running) < workers:
            task = next(waiting, None)
            if task is None:
                break
            child = _fork(*task, wait_s)
            running[child.pipe] = child
        if not running:
            return
        ready, _, _ = select.select(list(running), [], [], 1)
        for pipe in ready:
            child = running[pipe]
            data = os.read(pipe, 1 << 16)
            child.data.extend(data)
            if not data:
                del running[pipe]
                yield child.number, _ended(child)
        for pipe, child in list(running.items()):
            if time.monotonic() > child.ends_s:
                del running[pipe]
                _ended(child)
                yield child.number, "does not come to an end"


def _fork(number: int, task: Callable[[], Any], wait_s: float) -> _Child:
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(reading)
        _be_quiet(folder)
        result: Any = "dies"
        try:
            result = task()
        finally:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(pickle.dumps(result))
            os._exit(0)
    os.close(writing)
    return _Child(number, pid, reading, folder, time.monotonic() + wait_s, bytearray())


def _be_quiet(folder: Path) -> None:
    """Say nothing, and keep files in a folder of our own."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None


def _ended(child: _Child) -> Any:
    """What a child gave; what it started is ended with it."""
    os.close(child.pipe)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    _, status = os.waitpid(child.pid, 0)
    shutil.rmtree(child.folder, ignore_errors=True)
    if not child.data:
        return f"dies of signal {os.waitstatus_to_exitcode(status)}"
    return pickle.loads(child.data)  # noqa: S301 (from our own fork)
