"""A chip protocol carried over the PN532: finds the chip, exchanges, finds it again.

Turns the generators of `apdu` (what to say to a chip) into those of `pn532_commands`
(what to say to the PN532), passing emissions on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from drivers.errors import DriverFault
from drivers.passport.chip.apdu import Emit, Send, Steps
from drivers.passport.errors import AnotherCard, LinkEnded, NoChip, ReaderGone, TagLost
from drivers.passport.reader.card_search import CardSearch
from drivers.passport.reader.pn532_commands import Op, Target, exchange, release
from firmware_cfg.profile import ChipReader

Conversation = Generator[Op | Emit, Any, None]


def converse(steps: Steps[Any], profile: ChipReader) -> Conversation:
    """Carry `steps` out on the chip in the field.

    A `LinkEnded` or `DriverFault` thrown in is passed on to `steps`, whose last emissions
    still come out; a fault then goes on to the caller.
    """
    search = CardSearch(profile.target_poll_ms)
    try:
        op = next(steps)
        target = yield from search.first()
        if target is None and search.only_others:
            op = steps.throw(AnotherCard("another card answers: without ISO/IEC 14443-4"))
        elif target is None:
            op = steps.throw(NoChip(f"no chip within {profile.target_poll_ms} ms"))
        while True:
            if isinstance(op, Emit):
                yield op
                op = next(steps)
            elif isinstance(op, Send):
                try:
                    response = yield from _exchange(target, op, profile)
                except TagLost as lost:
                    op = steps.throw(lost)
                else:
                    op = steps.send(response)
            else:
                target = yield from search.other() if op.other else search.first()
                op = steps.send(target is not None)
    except StopIteration:
        yield from release()
    except LinkEnded as ended:
        yield from _drain(steps, ended)
    except DriverFault as fault:
        yield from _drain(steps, ReaderGone(fault.diagnosis))
        raise


def conclude(steps: Steps[Any], error: LinkEnded) -> list[Emit]:
    """End steps that never met a chip; what they still emit."""
    next(steps)
    return list(_drain(steps, error))


def _exchange(target: Target | None, op: Send, profile: ChipReader) -> Generator[Op, Any, bytes]:
    if target is None:
        raise TagLost("no chip in the field")
    timeout_ms = profile.apdu_timeout_ms
    return (yield from exchange(target.number, op.apdu, timeout_ms, op.meanwhile))


def _drain(steps: Steps[Any], error: LinkEnded) -> Generator[Emit, None, None]:
    """Throw the end into steps and pass on what they emit; they may ask nothing more."""
    try:
        op = steps.throw(error)
        while isinstance(op, Emit):
            yield op
            op = next(steps)
        steps.close()
    except (StopIteration, LinkEnded):
        return
