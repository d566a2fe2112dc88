"""The console's web application: routes, tasks, and how it is served."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gate_agent.console import now, pages, sign_in, streams
from gate_agent.console.access import Console
from gate_agent.console.client import Bank
from gate_agent.console.config import ConsoleConfig
from gate_agent.console.credentials import Credentials
from gate_agent.console.serving import server_config
from gate_agent.console.sessions import OfficerSessions
from gate_agent.console.shield import Shield

MAX_CONNECTIONS = 256

_ROUTES = (
    Route("/", pages.bank),
    Route("/signin", sign_in.show, methods=["GET"]),
    Route("/signin", sign_in.submit, methods=["POST"]),
    Route("/signout", sign_in.leave, methods=["POST"]),
    Route("/presence", sign_in.presence, methods=["POST"]),
    Route("/now", now.officer_now),
    Route("/events", streams.officer_events),
    Route("/lane/{number}", pages.lane),
    Route("/lane/{number}/action", pages.act, methods=["POST"]),
    Route("/lane/{number}/picture/{kind}", pages.picture),
    Route("/lane/{number}/traveller", pages.display),
    Route("/lane/{number}/traveller/now", now.display_now),
    Route("/lane/{number}/traveller/events", streams.display_events),
    Route("/healthz", pages.health),
    Mount("/static", StaticFiles(packages=[("gate_agent.console", "static")])),
)


def build_app(config: ConsoleConfig) -> Starlette:
    """Make the console. While it runs, it follows its lanes and renews their leases."""
    limits = config.limits
    console = Console(
        config=config,
        bank=Bank(config.lanes, config.utc_ms, config.random),
        sessions=OfficerSessions(config.random, limits.session_idle_s, limits.session_absolute_s),
        credentials=Credentials(
            config.officers,
            limits.sign_in_per_address,
            limits.sign_in_per_name,
            limits.sign_in_window_s,
        ),
        pages=jinja2.Environment(
            loader=jinja2.PackageLoader("gate_agent.console"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        ),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = (asyncio.create_task(console.bank.run()), asyncio.create_task(_renew(console)))
        for task in tasks:
            task.add_done_callback(console.note_end)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = Starlette(
        routes=_ROUTES,
        lifespan=lifespan,
        middleware=[
            Middleware(Shield, allowed_hosts=config.allowed_hosts, body_bytes=limits.body_bytes)
        ],
        exception_handlers={HTTPException: pages.failure},
    )
    app.state.console = console
    return app


async def _renew(console: Console) -> None:
    """Renew the lanes' leases while an officer is signed in at a page that answers."""
    limits = console.config.limits
    while True:
        officer = console.sessions.present(console.config.monotonic_ns(), limits.presence_ms)
        if officer is not None:
            console.bank.lease(officer)
        await asyncio.sleep(limits.lease_ms / 1000)


class ConsoleServer(uvicorn.Server):
    """A uvicorn server that ends the pages' streams first, so that it stops at once."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        super().__init__(server_config(app, host, port, connections=MAX_CONNECTIONS))
        self._console: Console = app.state.console

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop, also because a task of ours crashed."""
        return await super().on_tick(counter) or self._console.crash is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: streams, connections, tasks."""
        self._console.closing = True
        await super().shutdown(sockets)


def serve(app: Starlette, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SystemExit: the port cannot be bound.
        BaseException: whatever bug ended one of the console's own tasks.
    """
    ConsoleServer(app, host, port).run()
    crash = app.state.console.crash
    if crash is not None:
        raise crash
