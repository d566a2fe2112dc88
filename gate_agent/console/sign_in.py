"""Signing in and out, and the presence of an officer."""

from __future__ import annotations

import asyncio
import hmac
import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gate_agent.console.access import (
    SESSION_COOKIE,
    SIGN_IN_COOKIE,
    Console,
    console_of,
    form_of,
    require_csrf,
    require_session,
    session_of,
)
from gate_agent.console.credentials import TOO_MANY, WRONG
from gate_agent.console.officers import MAX_PASSWORD_CHARACTERS

log = logging.getLogger("egate.console")

ENDED = "Your session has ended. Until you sign in again, the lanes count you as absent."


async def show(request: Request) -> Response:
    """GET /signin."""
    if session_of(request) is not None:
        return RedirectResponse("/", 303)
    return _form(console_of(request), ENDED if "ended" in request.query_params else "")


async def submit(request: Request) -> Response:
    """POST /signin."""
    console = console_of(request)
    form = await form_of(request)
    shown = request.cookies.get(SIGN_IN_COOKIE, "")
    if not shown or not hmac.compare_digest(shown.encode(), form.get("csrf", "").encode()):
        return _form(console, "The page was out of date. Please try again.", 403)
    name, password = form.get("name", "")[:64], form.get("password", "")
    address = request.client.host if request.client is not None else ""
    now_ns = console.config.monotonic_ns()
    if not console.credentials.may_try(name, address, now_ns):
        log.warning("sign-in refused: too many failures")
        return _form(console, TOO_MANY, 429)
    fits = await _password_fits(console, name, password)
    code, utc_ms = form.get("code", ""), console.config.utc_ms()
    if not (fits and console.credentials.code_fits(name, code, utc_ms)):
        console.credentials.failed(name, address, now_ns)
        log.warning("sign-in failed")
        return _form(console, WRONG, 401)
    old = request.cookies.get(SESSION_COOKIE)
    if old is not None:
        console.sessions.close(old)
    session_id, _ = console.sessions.open(name, now_ns)
    log.info("an officer signed in")
    response = RedirectResponse("/", 303)
    console.set_cookie(response, SESSION_COOKIE, session_id)
    response.delete_cookie(SIGN_IN_COOKIE, path="/signin")
    return response


async def leave(request: Request) -> Response:
    """POST /signout."""
    session = require_session(request)
    require_csrf(request, session, await form_of(request))
    console_of(request).sessions.close(request.cookies[SESSION_COOKIE])
    log.info("an officer signed out")
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


async def presence(request: Request) -> Response:
    """POST /presence: an open page answers a beat of its stream; `active=1` after input."""
    session = require_session(request)
    form = await form_of(request)
    require_csrf(request, session, form)
    now_ns = console_of(request).config.monotonic_ns()
    session.beat_ns = now_ns
    if form.get("active") == "1":
        session.active_ns = now_ns
    return Response(status_code=204)


def _form(console: Console, error: str = "", status: int = 200) -> Response:
    token = console.config.random(32).hex()
    response = console.page("signin.html", status=status, error=error, token=token)
    console.set_cookie(response, SIGN_IN_COOKIE, token, path="/signin")
    return response


async def _password_fits(console: Console, name: str, password: str) -> bool:
    if len(password) > MAX_PASSWORD_CHARACTERS:
        raise HTTPException(413, "The password is too long.")
    async with console.argon2:
        return await asyncio.to_thread(console.credentials.password_fits, name, password)
