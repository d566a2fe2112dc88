"""Mutation fuzzing that follows coverage, in one process and without a dependency.

Coverage is the set of (file, line before, line) under `drivers/passport`, seen by the
interpreter's trace function. An input that reaches something new is kept and mutated in turn.
A target may end with the errors it is allowed; anything else is a finding, as are 5 seconds of
CPU or 64 MiB more than the process held before, for one input.
"""

import gc
import hashlib
import random
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = str(Path(__file__).parents[2] / "drivers" / "passport")
CPU_LIMIT_S = 5.0
MEMORY_LIMIT_KIB = 64 * 1024
# proc_pid_clear_refs(5): "5" sets the peak back to what is held now.
CLEAR_REFS = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
STATUS = Path("/proc/self/status")
LONGEST_INPUT = 70_000
LENGTHS = (b"\x00", b"\x7f", b"\x80", b"\x81\xff", b"\x82\xff\xff", b"\x83\xff\xff\xff")
LENGTHS += (b"\x84\xff\xff\xff\xff", b"\x84\x7f\xff\xff\xff", b"\xff", b"\x1f\xff\xff\xff\x7f")

Arc = tuple[str, int, int]


class TooSlow(BaseException):
    """An input took more than its CPU; no parser may catch this."""


def peak_kib(*, afresh=False):
    """The most memory this process has held, since the beginning or since asked for afresh."""
    if afresh:
        CLEAR_REFS.write_text(RESET_PEAK)
    status = STATUS.read_text()
    return int(status[status.index("VmHWM:") + len("VmHWM:") :].split(maxsplit=1)[0])


@dataclass(frozen=True)
class Target:
    """A parser: what it is called, what it takes, how it may refuse, how dear an input is."""

    name: str
    run: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    cost: int = 1


@dataclass
class Campaign:
    """One target under way.

    Attributes:
        inputs: how many were tried.
        last_new: at which of them something new was reached.
        arcs: what was reached.
        findings: inputs, by what they did.
    """

    target: Target
    seed: int = 0
    inputs: int = 0
    last_new: int = 0
    arcs: set[Arc] = field(default_factory=set)
    corpus: list[bytes] = field(default_factory=list)
    findings: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self):
        # Where an earlier run is taken up, its mutations are not drawn a second time.
        named = f"{self.target.name} {self.seed} {self.inputs}".encode()
        self._random = random.Random(hashlib.sha256(named).digest())

    def begin(self, kept=()):
        """Try the seeds, after what an earlier run kept; that is not counted again."""
        # The end of what another target left suspended would count as reached by this one.
        gc.collect()
        inputs, last_new = self.inputs, self.last_new
        for data in dict.fromkeys((*kept, *self.target.seeds)):
            self.try_one(data, keep=True)
        if kept:
            self.inputs, self.last_new = inputs, last_new

    def step(self):
        """Try one mutation of what has been reached so far."""
        self.try_one(self._mutated())

    @property
    def still(self):
        """Whether coverage stopped growing: nothing new in the latter half of many inputs."""
        return self.inputs >= max(10_000 // self.target.cost, 2 * self.last_new)

    def try_one(self, data, *, keep=False):
        """Run one input; keep it if it is new."""
        self.inputs += 1
        before_kib = peak_kib(afresh=True)
        reached: set[Arc] = set()
        try:
            with limited(), traced(reached):
                self.target.run(data)
        except self.target.allowed:
            pass
        except (Exception, TooSlow) as error:  # noqa: BLE001 - whatever else is the finding
            self.findings.setdefault(where(error), data)
        grown_kib = peak_kib() - before_kib
        if grown_kib > MEMORY_LIMIT_KIB:
            self.findings.setdefault(f"{grown_kib} KiB more for one input", data)
        if reached - self.arcs:
            self.arcs |= reached
            self.last_new = self.inputs
            keep = True
        if keep:
            self.corpus.append(data)

    def _mutated(self):
        draw = self._random
        # The younger half more often: what was reached last is least explored.
        index = max(draw.randrange(len(self.corpus)), draw.randrange(len(self.corpus)))
        data = bytearray(self.corpus[index])
        for _ in range(draw.choice((1, 1, 1, 2, 2, 4, 8))):
            self._mutate(data)
        return bytes(data[:LONGEST_INPUT])

    def _mutate(self, data):
        draw = self._random
        at = draw.randrange(len(data) + 1)
        # Heads of files decide more than what fills them.
        at = min(at, draw.randrange(64)) if draw.random() < 0.4 else at
        end = min(len(data), at + draw.choice((1, 1, 2, 4, 16, 256)))
        kind = draw.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 0x20, draw.randrange(256)))
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = draw.randbytes(draw.choice((1, 2, 8)))
        elif kind == 4:
            data[at : at + 1] = draw.choice(LENGTHS)
        elif kind == 5:
            data[at:at] = data[at:end] * draw.choice((1, 2, 30))
        elif kind == 6:
            del data[at:]
        else:
            other = draw.choice(self.corpus)
            start = draw.randrange(len(other) + 1)
            data[at:end] = other[start : start + draw.choice((1, 4, 32, 512))]


def where(error):
    """An error's kind and the place in the package it came from."""
    place, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(PACKAGE):
            place = f" at {Path(name).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{place}"


@contextmanager
def limited():
    """`TooSlow` after the CPU limit."""

    def ring(_signal, _frame):
        raise TooSlow(f"more than {CPU_LIMIT_S} s of CPU")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def traced(reached):
    """Collect what is reached in the package."""

    def enter(frame, _event, _argument):
        name = frame.f_code.co_filename
        if not name.startswith(PACKAGE):
            return None
        last = frame.f_code.co_firstlineno

        def line(frame, event, _argument):
            nonlocal last
            if event == "line":
                reached.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
