"""How a page's web server is set up, at a lane and at the central system."""

from __future__ import annotations

import uvicorn
from starlette.types import ASGIApp

GRACE_S = 2


def server_config(app: ASGIApp, host: str, port: int, *, connections: int) -> uvicorn.Config:
    """Plain HTTP/1.1 without a server header, access log or trust in proxy headers.

    Args:
        app: the application.
        host: address to listen on.
        port: port to listen on.
        connections: more at a time are turned away with 503.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        ws="none",
        http="h11",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        timeout_graceful_shutdown=GRACE_S,
    )
