"""Server-sent events: a program follows the lanes without asking again; pages ask (`now`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gate_agent.console.access import (
    Console,
    console_of,
    lane_of,
    may_see_display,
    require_session,
)
from gate_agent.console.board import Plain
from gate_agent.console.client import Lane
from gate_agent.console.sessions import OfficerSession
from gate_agent.console.traveller_view import traveller_view
from gate_agent.console.waiting import queue_of

Events = AsyncGenerator[bytes, None]

RETRY = b"retry: 1000\n\n"  # a browser that lost us tries again after a second


class EventStream(Response):
    """An answer that lasts: sends events until they end or the peer is gone."""

    media_type = "text/event-stream"

    def __init__(self, console: Console, events: Events) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._console = console
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI
        """Run the stream; whichever ends first, events or peer, ends both."""
        self._console.streams += 1
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        tasks = (
            asyncio.create_task(self._pump(send)),
            asyncio.create_task(_disconnected(receive)),
        )
        try:
            await send(start)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            await self._events.aclose()
            self._console.streams -= 1
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _pump(self, send: Send) -> None:
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": RETRY, "more_body": True})
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


def _room(console: Console) -> None:
    if console.closing or console.streams >= console.config.limits.streams:
        raise HTTPException(503, "Too many pages are open.")


async def officer_events(request: Request) -> Response:
    """GET /events: every lane without names; `?lane=N`: that lane and who stands there."""
    console, session = console_of(request), require_session(request)
    _room(console)
    asked = request.query_params.get("lane")
    lanes = list(console.bank.lanes.values())
    if asked is not None:
        lanes = [lane for lane in lanes if str(lane.number) == asked]
        if not lanes:
            raise HTTPException(404, "There is no such lane.")
    return EventStream(console, _for_officer(console, session, lanes, personal=asked is not None))


async def _for_officer(
    console: Console, session: OfficerSession, lanes: list[Lane], *, personal: bool
) -> Events:
    limits = console.config.limits
    session.streams += 1
    queue: list[Plain] | None = None
    try:
        with console.bank.subscribed() as subscription:
            changed = {lane.number for lane in lanes}
            beat_due_ns = 0
            while not console.closing:
                now_ns = console.config.monotonic_ns()
                if not console.sessions.alive(session, now_ns):
                    yield _event("signed_out", {})
                    return
                for lane in lanes:
                    if lane.number in changed:
                        yield _event("lane", console.board(lane, personal=personal))
                waiting = queue_of(console.boards())
                if waiting != queue:
                    queue = waiting
                    yield _event("queue", queue)
                if now_ns >= beat_due_ns:
                    beat_due_ns = now_ns + limits.beat_ms * 1_000_000
                    yield _event("beat", {"utc_ms": console.config.utc_ms()})
                changed = await subscription.changes(limits.beat_ms / 4_000)
    finally:
        session.streams -= 1


async def display_events(request: Request) -> Response:
    """GET /lane/N/traveller/events: the display's scene and hint; no personal data."""
    console, lane = console_of(request), lane_of(request)
    if not may_see_display(request, lane):
        raise HTTPException(401, "This display is not paired with the lane.")
    _room(console)
    return EventStream(console, _for_display(console, lane))


async def _for_display(console: Console, lane: Lane) -> Events:
    shown = None
    beat_due_ns = 0
    with console.bank.subscribed() as subscription:
        while not console.closing:
            now = traveller_view(lane.view, was_demo=lane.demo)
            if now != shown:
                shown = now
                yield _event("display", now)
            now_ns = console.config.monotonic_ns()
            if now_ns >= beat_due_ns:
                beat_due_ns = now_ns + console.config.limits.beat_ms * 1_000_000
                yield _event("beat", {})
            await subscription.changes(console.config.limits.beat_ms / 4_000)
