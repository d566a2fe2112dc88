"""The topologies of a lane, by the names that a profile gives them."""

from __future__ import annotations

from collections.abc import Mapping

from gate_agent.core.barrier import BARRIER
from gate_agent.core.mantrap import MANTRAP
from gate_agent.core.topology import Topology

TOPOLOGIES: Mapping[str, Topology] = {"barrier": BARRIER, "mantrap": MANTRAP}
"""One entry for each value of `lane.topology`."""
