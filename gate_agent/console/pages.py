"""The pages: the bank of lanes, one lane, its pictures and actions, its traveller display."""

from __future__ import annotations

import hmac
import re

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from gate_agent.console.access import (
    console_of,
    form_of,
    kiosk_cookie,
    kiosk_value,
    lane_of,
    may_see_display,
    require_csrf,
    require_session,
    session_of,
)
from gate_agent.console.client import NOT_ANSWERED
from gate_agent.console.display_language import Scene
from gate_agent.console.sentences import (
    LANGUAGES,
    RIGHT_TO_LEFT,
    ROLES,
    SITE_LANGUAGE,
    WIDELY_READ,
)
from gate_agent.console.traveller_view import STEPS, lost_views, traveller_view
from gate_agent.console.waiting import evacuation_of, queue_of
from gate_agent.core.messages import OfficerAction

NONCE = re.compile(r"[0-9a-f]{32}")
JPEG_START = b"\xff\xd8\xff"

DONE_TEXT = {
    OfficerAction.ACCEPT: "Accepted. The lane admits the traveller.",
    OfficerAction.REJECT: "Rejected. Go to the traveller.",
    OfficerAction.OPEN_LANE: "The lane is going into service.",
    OfficerAction.CLOSE_LANE: "The lane closes after the present crossing.",
    OfficerAction.ACKNOWLEDGE: "Acknowledged.",
    OfficerAction.RELEASE: "The traveller goes back; lead them to the desk.",
    OfficerAction.REVERSE: "Entry and exit are being swapped.",
}


async def bank(request: Request) -> Response:
    """GET /: every lane at a glance, and the queue of referrals."""
    console, session = console_of(request), session_of(request)
    if session is None:
        return RedirectResponse("/signin", 303)
    session.active_ns = console.config.monotonic_ns()
    boards = console.boards()
    return console.page(
        "bank.html",
        session=session,
        boards=boards,
        queue=queue_of(boards),
        evacuation=evacuation_of(boards),
    )


async def lane(request: Request) -> Response:
    """GET /lane/N: all evidence of one lane for an officer's decision."""
    console, session = console_of(request), session_of(request)
    if session is None:
        return RedirectResponse("/signin", 303)
    session.active_ns = console.config.monotonic_ns()
    notice, session.notice = session.notice, ""
    boards = console.boards()
    return console.page(
        "lane.html",
        session=session,
        board=console.board(lane_of(request), personal=True),
        queue=queue_of(boards),
        evacuation=evacuation_of(boards),
        numbers=list(console.bank.lanes),
        notice=notice,
    )


async def picture(request: Request) -> Response:
    """GET /lane/N/picture/live|chip?ticket=T: a JPEG that nothing stores, or 204."""
    require_session(request)
    kind, ticket = request.path_params["kind"], request.query_params.get("ticket", "")
    shown = lane_of(request)
    if kind not in ("live", "chip") or not ticket.isdecimal() or len(ticket) > 15:
        raise HTTPException(404, "There is no such picture.")
    jpeg = await shown.picture(int(ticket), kind)
    if not jpeg.startswith(JPEG_START):
        return Response(status_code=204)
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "no-store"})


async def act(request: Request) -> Response:
    """POST /lane/N/action: an officer's action; answers JSON to a script, else the page."""
    console, session = console_of(request), require_session(request)
    form = await form_of(request)
    require_csrf(request, session, form)
    target = lane_of(request)
    action, ticket = form.get("action", ""), form.get("ticket", "0")
    if action not in tuple(OfficerAction) or not ticket.isdecimal() or len(ticket) > 15:
        raise HTTPException(400, "The form is malformed.")
    nonce = form.get("nonce", "")
    if nonce and not NONCE.fullmatch(nonce):
        raise HTTPException(400, "The form is malformed.")
    session.active_ns = console.config.monotonic_ns()
    error = await target.act(
        action=action,
        officer=session.officer,
        ticket=int(ticket),
        reason=form.get("reason", "")[:64],
        evidence_sha256=form.get("evidence", "")[:64],
        nonce=nonce,
        note=form.get("note", "") if action == OfficerAction.ACKNOWLEDGE else "",
    )
    text = error or DONE_TEXT[OfficerAction(action)]
    if "application/json" in request.headers.get("accept", ""):
        answer = {"ok": error is None, "text": text, "unanswered": error == NOT_ANSWERED}
        return JSONResponse(answer, 200 if error is None else 409)
    session.notice = text
    return RedirectResponse(f"/lane/{target.number}", 303)


async def display(request: Request) -> Response:
    """GET /lane/N/traveller: the display; `?token=` pairs a browser with this page alone."""
    console, shown = console_of(request), lane_of(request)
    path = f"/lane/{shown.number}/traveller"
    given = request.query_params.get("token")
    if given is not None:
        token = console.config.kiosk_tokens.get(shown.number, "")
        if not token or not hmac.compare_digest(token.encode(), given.encode()):
            raise HTTPException(401, "This display is not paired with the lane.")
        response = RedirectResponse(path, 303)
        console.set_cookie(response, kiosk_cookie(shown), kiosk_value(token, shown), path=path)
        return response
    if not may_see_display(request, shown):
        return RedirectResponse("/signin", 303)
    return console.page(
        "traveller.html",
        number=shown.number,
        show=traveller_view(shown.view, was_demo=shown.demo),
        lost=msgspec.json.encode(lost_views(was_demo=shown.demo)).decode(),
        languages=LANGUAGES,
        right_to_left=RIGHT_TO_LEFT,
        site_languages=(SITE_LANGUAGE, WIDELY_READ),
        roles=ROLES,
        scenes=list(Scene),
        steps=STEPS,
        demo=shown.demo,
    )


async def health(request: Request) -> Response:
    """GET /healthz: how many lanes are connected, for a watchdog; no personal data."""
    lanes = console_of(request).bank.lanes.values()
    connected = sum(1 for lane in lanes if lane.view is not None)
    return JSONResponse({"lanes": len(lanes), "connected": connected})


async def failure(request: Request, error: Exception) -> Response:
    """Answer a refused request: one sentence, as JSON to a script."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = error.detail if isinstance(error, HTTPException) else "The console failed."
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"ok": False, "text": text}, status)
    return PlainTextResponse(text + "\n", status)
