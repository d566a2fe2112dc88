"""The page as a web application: no script, no picture, nothing from another host.

It opens the store read-only for each look and can change nothing. Officers, sessions,
limits and the outermost layer are the console's own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from firmware_cfg.time_zone import time_at_gate
from gate_agent.console.credentials import TOO_MANY, WRONG, Credentials
from gate_agent.console.officers import Officer
from gate_agent.console.serving import server_config
from gate_agent.console.sessions import OfficerSession, OfficerSessions
from gate_agent.console.shield import Shield
from sync.centre.overview import Overview, metrics_text
from sync.log.errors import StorageError

SESSION = "egate_centre_session"
FORM = "egate_centre_form"
BODY_BYTES = 4096
MAX_FIELDS = 8
MAX_CONNECTIONS = 64
IDLE_S, ABSOLUTE_S = 1_800, 28_800
WINDOW_S, PER_ADDRESS, PER_NAME = 60, 20, 5
SHOWN = 200
"""So many gates at most on one page; `?from=` shows the next."""


@dataclass(frozen=True, kw_only=True)
class PageConfig:
    """What the page is made of.

    Args:
        look: gives the overview of now; may raise `StorageError`.
        officers: who may sign in.
        allowed_hosts: values of the Host header that are answered.
        metrics_token: what a scraper of `/metrics` shows; None closes it.
        monotonic_ns, utc_ms, random: time and randomness.
        secure_cookies: false only on loopback without TLS.
    """

    look: Callable[[], Overview]
    officers: tuple[Officer, ...]
    allowed_hosts: tuple[str, ...]
    monotonic_ns: Callable[[], int]
    utc_ms: Callable[[], int]
    random: Callable[[int], bytes]
    metrics_token: bytes | None = field(default=None, repr=False)
    secure_cookies: bool = True


class CentrePage:
    """The handlers, and what they remember: sessions and failed attempts."""

    def __init__(self, config: PageConfig) -> None:
        self._config = config
        self._sessions = OfficerSessions(config.random, IDLE_S, ABSOLUTE_S)
        self._credentials = Credentials(config.officers, PER_ADDRESS, PER_NAME, WINDOW_S)
        self._pages = jinja2.Environment(
            loader=jinja2.PackageLoader("gate_agent.centre_page"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=(
                Route("/", self.gates),
                Route("/signin", self.show_form, methods=["GET"]),
                Route("/signin", self.sign_in, methods=["POST"]),
                Route("/signout", self.sign_out, methods=["POST"]),
                Route("/metrics", self.metrics),
                Mount("/static", StaticFiles(packages=[("gate_agent.centre_page", "static")])),
            ),
            middleware=[
                Middleware(Shield, allowed_hosts=self._config.allowed_hosts, body_bytes=BODY_BYTES)
            ],
        )

    async def gates(self, request: Request) -> Response:
        """GET /: the gates, those in trouble first."""
        session = self._session(request)
        if session is None:
            return RedirectResponse("/signin", 303)
        try:
            seen = self._config.look()
        except StorageError as error:
            return self._page("trouble.html", 503, what=error.diagnosis, csrf=session.csrf)
        order = {"silent": 0, "behind": 1, "new": 2, "well": 3, "revoked": 4}
        rows = sorted(seen.gates, key=lambda row: (order[row.state], row.gate))
        start = request.query_params.get("from", "0")
        first = int(start) if start.isdecimal() and len(start) < 7 else 0
        return self._page(
            "gates.html",
            seen=seen,
            time_at_gate=time_at_gate,
            rows=rows[first : first + SHOWN],
            following=first + SHOWN if len(rows) > first + SHOWN else None,
            csrf=session.csrf,
        )

    async def metrics(self, request: Request) -> Response:
        """GET /metrics: for a scraper that shows the token."""
        token = self._config.metrics_token
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is None or not hmac.compare_digest(shown.encode(), token):
            return PlainTextResponse("Show the token of metrics.token.\n", 401)
        try:
            return PlainTextResponse(metrics_text(self._config.look()))
        except StorageError as error:
            return PlainTextResponse(f"{error.diagnosis}\n", 503)

    async def show_form(self, request: Request) -> Response:
        """GET /signin."""
        if self._session(request) is not None:
            return RedirectResponse("/", 303)
        return self._form()

    async def sign_in(self, request: Request) -> Response:
        """POST /signin."""
        form = await _fields(request)
        shown = request.cookies.get(FORM, "")
        if not shown or not hmac.compare_digest(shown.encode(), form.get("csrf", "").encode()):
            return self._form("The page was out of date. Please try again.", 403)
        name, password = form.get("name", "")[:64], form.get("password", "")
        address = "" if request.client is None else request.client.host
        now_ns = self._config.monotonic_ns()
        if not self._credentials.may_try(name, address, now_ns):
            return self._form(TOO_MANY, 429)
        code, utc_ms = form.get("code", ""), self._config.utc_ms()
        fits = self._credentials.password_fits(name, password)
        if not (fits and self._credentials.code_fits(name, code, utc_ms)):
            self._credentials.failed(name, address, now_ns)
            return self._form(WRONG, 401)
        session_id, _ = self._sessions.open(name, now_ns)
        response = RedirectResponse("/", 303)
        self._set_cookie(response, SESSION, session_id)
        response.delete_cookie(FORM, path="/signin")
        return response

    async def sign_out(self, request: Request) -> Response:
        """POST /signout."""
        session = self._session(request)
        form = await _fields(request)
        if session is None or not hmac.compare_digest(
            form.get("csrf", "").encode(), session.csrf.encode()
        ):
            return PlainTextResponse("The page is out of date. Load it again.\n", 403)
        self._sessions.close(request.cookies[SESSION])
        response = RedirectResponse("/signin", 303)
        response.delete_cookie(SESSION)
        return response

    def _session(self, request: Request) -> OfficerSession | None:
        session_id = request.cookies.get(SESSION)
        if session_id is None:
            return None
        return self._sessions.get(session_id, self._config.monotonic_ns())

    def _form(self, error: str = "", status: int = 200) -> Response:
        token = self._config.random(32).hex()
        response = self._page("signin.html", status, error=error, token=token)
        self._set_cookie(response, FORM, token, path="/signin")
        return response

    def _page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        return HTMLResponse(self._pages.get_template(name).render(**values), status)

    def _set_cookie(self, response: Response, name: str, value: str, path: str = "/") -> None:
        response.set_cookie(
            name,
            value,
            path=path,
            httponly=True,
            samesite="strict",
            secure=self._config.secure_cookies,
        )


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a small form; none if it is malformed. `Shield` has limited its length."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            return {}
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        )
    except ValueError:
        return {}


def serve(app: Starlette, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SystemExit: the port cannot be bound.
    """
    uvicorn.Server(server_config(app, host, port, connections=MAX_CONNECTIONS)).run()
