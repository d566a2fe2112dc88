"""Profiles named on the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def merge(paths: list[Path]) -> Any:
    """The effective profile, its settings checked against the register map that it names.

    Raises:
        ProfileError: a file, a field or a rule is broken, or a setting names a register that
            moves the turnstile.
    """
    from firmware_cfg.load import load as merge_overlays

    profile = merge_overlays(paths)
    if profile.turnstile.settings:
        from gate_agent.compose.turnstile import register_map_of

        register_map_of(profile.turnstile)
    return profile


def load(paths: list[Path]) -> Any:
    """The effective profile, or exit 78 with one line that names file and field."""
    from firmware_cfg.load import ProfileError

    try:
        return merge(paths)
    except ProfileError as error:
        sys.stderr.write(f"egate: bad profile: {error}\n")
        sys.exit(os.EX_CONFIG)
