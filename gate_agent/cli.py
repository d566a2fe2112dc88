"""The command line: `egate`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run `egate`; give the exit code."""
    sys.stderr.write("egate: no commands yet\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
