"""The process of the central system's read-only page."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

from gate_agent import live
from gate_agent.centre_page.server import CentrePage, PageConfig, serve
from gate_agent.compose.centre import store_place
from gate_agent.console.officers import OfficersFileError, load_officers
from gate_agent.host.secrets_on_disk import KeyUnusable, read_key
from sync.centre.heads import check_heads
from sync.centre.overview import Overview, overview
from sync.centre.store import CentreStore
from sync.log.errors import KeyRefused
from sync.log.keys import VerifyingKey, read_public_key


def look(store: CentreStore, state_dir: Path, key: VerifyingKey) -> Overview:
    """Give what an operator sees now."""
    lost = check_heads(state_dir / "heads", store, key)
    return overview(store, lost, live.utc_text())


def serve_page(state_dir: Path, host: str, port: int) -> int:
    """Serve the read-only page until SIGTERM; exit 78 without officers or keys.

    It holds the centre's public key alone. `metrics.token`, if there, opens `/metrics`.
    """
    try:
        key = read_public_key(state_dir / "centre.pub")
        officers = load_officers(state_dir / "officers.json")
        token_file = state_dir / "metrics.token"
        token = read_key(token_file).strip() if token_file.exists() else None
    except (KeyRefused, OfficersFileError, KeyUnusable) as error:
        sys.stderr.write(f"egate centre page: {error.diagnosis}\n")
        return os.EX_CONFIG

    def seen() -> Overview:
        with closing(CentreStore(store_place(state_dir), read_only=True)) as store:
            return look(store, state_dir, key)

    page = CentrePage(
        PageConfig(
            look=seen,
            officers=officers,
            allowed_hosts=(f"{host}:{port}", f"localhost:{port}"),
            monotonic_ns=live.monotonic_ns,
            utc_ms=live.utc_ms,
            random=live.system_random,
            metrics_token=token,
            secure_cookies=host not in ("127.0.0.1", "localhost", "::1"),
        )
    )
    serve(page.app(), host, port)
    return 0
