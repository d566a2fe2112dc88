"""Metrics of a lane in Prometheus' text format 0.0.4: from its view, without personal data."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.types import Condition
from gate_agent.lane_api.api import View


def lane_metrics(view: View | None) -> str:
    """Figures of a lane; of one that does not answer, only that.

    Every condition has its figure, 0 or 1, so that an alert can be set on one never seen yet.
    """
    lines = _family("answers", [("", view is not None)])
    if view is None:
        return lines
    lines += _family("in_service", [("", view.mode == "auto")])
    lines += _family("alarms", [("", len(view.alarms))])
    lines += _family("officer_present", [("", view.lease)])
    ready = [(f'{{device="{device.device}"}}', device.ready) for device in view.devices]
    lines += _family("device_ready", ready)
    stand = {condition for device in view.devices for condition in device.conditions}
    return lines + _family(
        "condition", [(f'{{condition="{one.value}"}}', one.value in stand) for one in Condition]
    )


def _family(name: str, samples: Sequence[tuple[str, int]]) -> str:
    return f"# TYPE egate_lane_{name} gauge\n" + "".join(
        f"egate_lane_{name}{labels} {int(value)}\n" for labels, value in samples
    )
