"""What officers' pages and displays ask for again and again: the state of now, in short answers.

A browser opens six connections to one host. Streams would use them up with six tabs, and an
officer's decision would wait behind them; short requests leave room for any number of tabs.
`seen` names the state that the page has: while nothing changed, the answer has no contents.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gate_agent.console.access import console_of, lane_of, may_see_display, require_session
from gate_agent.console.traveller_view import traveller_view
from gate_agent.console.waiting import evacuation_of, queue_of


async def officer_now(request: Request) -> Response:
    """GET /now: every lane without names; `?lane=N`: that lane and who stands there.

    `silent` has the numbers of the lanes on this page that did not answer the console's beat.
    """
    console, session = console_of(request), require_session(request)
    lanes = list(console.bank.lanes.values())
    asked = request.query_params.get("lane")
    if asked is not None:
        lanes = [lane for lane in lanes if str(lane.number) == asked]
        if not lanes:
            raise HTTPException(404, "There is no such lane.")
    session.looked_ns = console.config.monotonic_ns()
    boards = console.boards()
    state = {
        "lanes": [console.board(lane, personal=asked is not None) for lane in lanes],
        "silent": [lane.number for lane in lanes if lane.view is None],
        "queue": queue_of(boards),
        "evacuation": evacuation_of(boards),
    }
    return _answer(request, state, utc_ms=console.config.utc_ms())


async def display_now(request: Request) -> Response:
    """GET /lane/N/traveller/now: the display's scene and hint; no personal data."""
    lane = lane_of(request)
    if not may_see_display(request, lane):
        raise HTTPException(401, "This display is not paired with the lane.")
    return _answer(request, {"display": traveller_view(lane.view, was_demo=lane.demo)})


def _answer(request: Request, state: dict[str, Any], **always: int) -> Response:
    encoded = msgspec.json.encode(state)
    version = hashlib.sha256(encoded).hexdigest()[:16]
    known = request.query_params.get("seen") == version
    body = {"version": version, **always, "state": None if known else msgspec.Raw(encoded)}
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(body), headers=headers, media_type="application/json")
