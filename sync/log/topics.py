"""MQTT topics between gates and the centre."""

from __future__ import annotations


def records_topic(prefix: str, gate: str) -> str:
    """Topic of a gate's batches."""
    return f"{prefix}/records/{gate}"


def live_topic(prefix: str, gate: str) -> str:
    """Topic of a gate's batches that come before their turn."""
    return f"{prefix}/live/{gate}"


def receipt_topic(prefix: str, gate: str) -> str:
    """Topic of the receipts for a gate."""
    return f"{prefix}/receipt/{gate}"
