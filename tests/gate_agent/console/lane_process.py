"""A referred lane in a process of its own, so that a test can stop it: `lane_process.py SOCKET`.

Prints one line for each action that it takes, and ends with its standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fake_lane import FakeLane, referred

from gate_agent.lane_api.api import Action


class PrintingLane(FakeLane):
    """A fake lane that prints what it takes."""

    def _act(self, action: Action) -> str | None:
        print(action.action, action.ticket, flush=True)
        return super()._act(action)


if __name__ == "__main__":
    lane = PrintingLane(Path(sys.argv[1]), 3)
    lane.show(referred(3))
    print("ready", flush=True)
    sys.stdin.read()
    lane.close()
