from __future__ import annotations

import os
import subprocess
import sys

from gate_agent.host.priority import YIELDING_NICE, yield_processor


def test_a_process_gives_way_and_asks_no_second_time():
    code = (
        "import os\n"
        "from gate_agent.host.priority import yield_processor\n"
        "yield_processor()\n"
        "os.setpriority = None\n"  # what the units' filter forbids
        "yield_processor()\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(done.stdout) == max(usual, YIELDING_NICE)


def test_another_process_gives_way():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield_processor(child.pid)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) >= YIELDING_NICE
    finally:
        child.communicate(b"\n")
