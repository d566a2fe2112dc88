"""What a lane that was held up does with a command that is no longer good."""

from drivers.types import CloseEntry, OpenExit
from gate_agent.compose.turnstile import InTime
from gate_agent.live import monotonic_ns

WITHIN_MS = 60_000


def test_a_command_is_carried_out_in_time_or_not_at_all():
    late = []
    commands = InTime(WITHIN_MS, late.append)
    now_ns = monotonic_ns()
    assert commands.order(OpenExit(ticket=1), now_ns - WITHIN_MS * 1_000_000)
    assert commands.order(CloseEntry(ticket=2), now_ns)
    assert commands.drain() == [CloseEntry(ticket=2)]
    assert late == [OpenExit(ticket=1)]
    assert commands.drain() == []
    commands.close()
