"""What the publisher asks its caller for, and what it gives it to do."""

from __future__ import annotations

from typing import NamedTuple


class Fetch(NamedTuple):
    """Read the records after `after_seq`, up to `max_bytes`. `live`: before their turn."""

    after_seq: int
    max_bytes: int
    live: bool = False


class Publish(NamedTuple):
    """Send this to the broker, quality of service 1."""

    topic: str
    payload: bytes


class HandReceipt(NamedTuple):
    """Give this receipt to the agent, which alone may release records."""

    receipt: bytes


Output = Publish | HandReceipt
