"""Profiles named on the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def load(paths: list[Path]) -> Any:
    """The effective profile, or exit 78 with one line that names file and field."""
    from firmware_cfg.load import ProfileError
    from firmware_cfg.load import load as merge

    try:
        return merge(paths)
    except ProfileError as error:
        sys.stderr.write(f"egate: bad profile: {error}\n")
        sys.exit(os.EX_CONFIG)
