"""Metrics of a lane, in the text that Prometheus reads."""

import os

import msgspec

from drivers.types import Condition
from gate_agent.compose.sync import write_metrics
from gate_agent.lane_api.api import DeviceView, HolderView, Step, View
from gate_agent.lane_api.metrics import lane_metrics
from sync.gate.progress import Progress
from sync.gate.run import SyncStatus

VIEW = View(
    lane=1,
    gate="north-1",
    site="north",
    direction="entry",
    topology="barrier",
    demo=False,
    mode="auto",
    since_utc_ms=0,
    step=Step.READING,
    ticket=7,
    lease=True,
    devices=(
        DeviceView(device="reader", ready=True, conditions=("clock_untrusted",)),
        DeviceView(device="vision", ready=False, code=112),
    ),
    holder=HolderView(surname="SPECIMEN"),
)


def figures(view: View | None) -> dict[str, str]:
    lines = [line for line in lane_metrics(view).splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_a_lane_that_does_not_answer():
    assert figures(None) == {"egate_lane_answers": "0"}


def test_what_a_lane_lacks_and_what_is_not_ready():
    reported = figures(VIEW)
    assert reported["egate_lane_in_service"] == reported["egate_lane_officer_present"] == "1"
    assert reported['egate_lane_device_ready{device="reader"}'] == "1"
    assert reported['egate_lane_device_ready{device="vision"}'] == "0"
    stand = {name for name, value in reported.items() if "condition=" in name and value == "1"}
    assert stand == {'egate_lane_condition{condition="clock_untrusted"}'}
    assert sum("condition=" in name for name in reported) == len(Condition)


def test_nothing_of_a_traveller_is_reported():
    waiting = msgspec.structs.replace(VIEW, ticket=0, step=Step.WAITING, holder=None)
    assert lane_metrics(VIEW) == lane_metrics(waiting)


def test_a_collector_of_another_user_reads_sync_and_lane_in_one_file(tmp_path):
    file = tmp_path / "lane1.prom"
    progress = Progress(9, 7, 1, connected=True, resends=0, refusal=0)
    before = os.umask(0o077)
    try:
        write_metrics(file, SyncStatus(progress, 2_000_000_000, ""), VIEW)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o644
    text = file.read_text()
    assert "egate_sync_lag_records 2\n" in text
    assert text.endswith(lane_metrics(VIEW))
    assert list(tmp_path.iterdir()) == [file]
