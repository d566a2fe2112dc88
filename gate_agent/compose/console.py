"""The console process: pages of a bank of lanes, over their lane APIs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gate_agent import live
from gate_agent.console.config import ConsoleConfig, LaneAddress
from gate_agent.console.officers import OfficersFileError, load_officers
from gate_agent.console.server import build_app, serve
from gate_agent.secrets_on_disk import KeyUnusable, read_key

EX_CONFIG = 78


def run(lanes: dict[int, Path], keys: Path, officers: Path, host: str, port: int) -> int:
    """Serve until told to stop; exit 78 for bad keys or a bad officers file.

    `keys` holds `console.key` and, optionally, `kiosk.json`: lane number to token.
    """
    try:
        key = read_key(keys / "console.key")
        known = load_officers(officers)
        tokens = _kiosk_tokens(keys / "kiosk.json")
    except (KeyUnusable, OfficersFileError) as error:
        sys.stderr.write(f"egate console: {error.diagnosis}\n")
        return EX_CONFIG
    app = build_app(
        ConsoleConfig(
            lanes=tuple(
                LaneAddress(number=number, socket=run_dir / "lane.sock", key=key)
                for number, run_dir in sorted(lanes.items())
            ),
            officers=known,
            allowed_hosts=(f"{host}:{port}", f"localhost:{port}"),
            monotonic_ns=live.monotonic_ns,
            utc_ms=lambda: round(live.utc_now().timestamp() * 1000),
            random=live.system_random,
            kiosk_tokens=tokens,
            secure_cookies=host not in ("127.0.0.1", "localhost", "::1"),
        )
    )
    serve(app, host, port)
    return 0


def _kiosk_tokens(path: Path) -> dict[int, str]:
    if not path.exists():
        return {}
    return {int(number): str(token) for number, token in json.loads(read_key(path)).items()}
