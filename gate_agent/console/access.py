"""Access to the console: sessions, CSRF tokens, kiosk capabilities, and forms of bounded size."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from firmware_cfg.time_zone import minute_at_gate
from gate_agent.console.board import Plain, lane_board
from gate_agent.console.client import Bank, Lane
from gate_agent.console.config import ConsoleConfig
from gate_agent.console.credentials import Credentials
from gate_agent.console.sessions import OfficerSession, OfficerSessions

SESSION_COOKIE = "egate_session"
SIGN_IN_COOKIE = "egate_sign_in"
MAX_FIELDS = 16


@dataclass(eq=False)
class Console:
    """State that the handlers share. `closing` ends every stream; `crash` ends the console.

    `argon2` lets one password be checked at a time: each takes 64 MiB.
    """

    config: ConsoleConfig
    bank: Bank
    sessions: OfficerSessions
    credentials: Credentials
    pages: jinja2.Environment
    argon2: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    streams: int = 0
    closing: bool = False
    crash: BaseException | None = None

    def note_end(self, task: asyncio.Task[None]) -> None:
        """Remember the error of one of the console's own tasks, so that the console stops."""
        if not task.cancelled():
            self.crash = task.exception()

    def board(self, lane: Lane, *, personal: bool) -> Plain:
        """What an officer's page shows of a lane now."""
        return lane_board(
            lane.view,
            number=lane.number,
            away=lane.away,
            away_since_utc_ms=lane.away_since_utc_ms,
            personal=personal,
        )

    def boards(self) -> list[Plain]:
        """All lanes, without any traveller's name."""
        return [self.board(lane, personal=False) for lane in self.bank.lanes.values()]

    @property
    def demo(self) -> bool:
        """Whether any lane is marked as a demonstration."""
        return any(lane.demo for lane in self.bank.lanes.values())

    def page(self, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """Render a template."""
        values.setdefault("demo", self.demo)
        now_utc_ms = self.config.utc_ms()
        html = self.pages.get_template(name).render(
            now_utc_ms=now_utc_ms, at_gate=partial(minute_at_gate, now_utc_ms), **values
        )
        return HTMLResponse(html, status_code=status)

    def set_cookie(self, response: Response, name: str, value: str, path: str = "/") -> None:
        """Set a cookie that scripts and other sites do not get."""
        response.set_cookie(
            name,
            value,
            path=path,
            httponly=True,
            samesite="strict",
            secure=self.config.secure_cookies,
        )


def console_of(request: Request) -> Console:
    """The console that this request came to."""
    console = request.app.state.console
    if not isinstance(console, Console):
        raise TypeError("the application was not made by build_app")
    return console


def session_of(request: Request) -> OfficerSession | None:
    """The session behind the request's cookie."""
    session_id = request.cookies.get(SESSION_COOKIE)
    if session_id is None:
        return None
    console = console_of(request)
    return console.sessions.get(session_id, console.config.monotonic_ns())


def require_session(request: Request) -> OfficerSession:
    """The session, for answers that a program reads.

    Raises:
        HTTPException: 401, no officer is signed in.
    """
    session = session_of(request)
    if session is None:
        raise HTTPException(401, "Sign in first.")
    return session


def lane_of(request: Request) -> Lane:
    """The lane that the path names.

    Raises:
        HTTPException: 404, there is no such lane.
    """
    for lane in console_of(request).bank.lanes.values():
        if request.path_params["number"] == str(lane.number):
            return lane
    raise HTTPException(404, "There is no such lane.")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a small form.

    Raises:
        HTTPException: 400, 413 or 415, it is not such a form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "A form was expected.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > console_of(request).config.limits.body_bytes:
                raise HTTPException(413, "The form is too long.")
    except ClientDisconnect as error:
        raise HTTPException(400, "The form was cut off.") from error
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        )
    except ValueError as error:
        raise HTTPException(400, "The form is malformed.") from error


def require_csrf(request: Request, session: OfficerSession, form: dict[str, str]) -> None:
    """Check the session's token, which only the console's own pages hold.

    Raises:
        HTTPException: 403, the token is missing or wrong.
    """
    token = form.get("csrf") or request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(token.encode(), session.csrf.encode()):
        raise HTTPException(403, "The page is out of date. Load it again.")


def kiosk_cookie(lane: Lane) -> str:
    """Name of the cookie of a lane's traveller display."""
    return f"egate_kiosk_{lane.number}"


def kiosk_value(token: str, lane: Lane) -> str:
    """The cookie's content: derived from the capability, which it does not reveal."""
    text = f"egate kiosk {lane.number}".encode()
    return hmac.new(token.encode(), text, hashlib.sha256).hexdigest()


def may_see_display(request: Request, lane: Lane) -> bool:
    """Whether this is the lane's own display, or an officer."""
    token = console_of(request).config.kiosk_tokens.get(lane.number)
    shown = request.cookies.get(kiosk_cookie(lane))
    if token and shown and hmac.compare_digest(kiosk_value(token, lane).encode(), shown.encode()):
        return True
    return session_of(request) is not None
