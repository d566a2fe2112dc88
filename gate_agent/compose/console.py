"""The console process: pages of a bank of lanes, over their lane APIs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec

from gate_agent import live
from gate_agent.console.config import ConsoleConfig, LaneAddress
from gate_agent.console.officers import OfficersFileError, load_officers
from gate_agent.console.server import build_app, serve
from gate_agent.host.secrets_on_disk import KeyUnusable, read_key

MIN_TOKEN = 16
Token = Annotated[str, msgspec.Meta(min_length=MIN_TOKEN, max_length=256)]


def run(lanes: dict[int, Path], keys: Path, officers: Path, host: str, port: int) -> int:
    """Serve until SIGTERM; exit 78 for bad keys or a bad officers file.

    `keys` holds `console.key` and, optionally, `kiosk.json`: lane number to token.
    """
    try:
        key = read_key(keys / "console.key")
        known = load_officers(officers)
        tokens = _kiosk_tokens(keys / "kiosk.json")
    except (KeyUnusable, OfficersFileError) as error:
        sys.stderr.write(f"egate console: {error.diagnosis}\n")
        return os.EX_CONFIG
    app = build_app(
        ConsoleConfig(
            lanes=tuple(
                LaneAddress(number=number, socket=run_dir / "lane.sock", key=key)
                for number, run_dir in sorted(lanes.items())
            ),
            officers=known,
            allowed_hosts=(f"{host}:{port}", f"localhost:{port}"),
            monotonic_ns=live.monotonic_ns,
            utc_ms=live.utc_ms,
            random=live.system_random,
            kiosk_tokens=tokens,
            secure_cookies=host not in ("127.0.0.1", "localhost", "::1"),
        )
    )
    serve(app, host, port)
    return 0


def _kiosk_tokens(path: Path) -> dict[int, str]:
    """Capabilities of the travellers' displays; none where there is no such file."""
    if not path.exists():
        return {}
    try:
        tokens = msgspec.json.decode(read_key(path), type=dict[int, Token])
    except msgspec.MsgspecError as error:
        raise KeyUnusable(
            f"{path.name}: not an object of lane number to token of {MIN_TOKEN} to 256 characters"
        ) from error
    return dict(tokens)
