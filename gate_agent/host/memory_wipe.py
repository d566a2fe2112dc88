"""An environment in which memory that Python gives back is overwritten at once.

Names and zones pass through strings of the interpreter and of libraries, which Python code cannot
overwrite. The C library can: with this setting it fills every block as it is freed (mallopt(3),
`M_PERTURB`). Python must then leave small objects to it, and its cache of freed blocks per
thread, which is not filled, must be off. All three are read when a process begins, hence an
environment: the service manager's for a gate, the supervisor's in the demo.

What is still referred to is not free: a crossing's text is dropped by `Wipe`. Of a block, the
last eight bytes may stay; on the stack, what the next calls do not overwrite; and what a library
holds in memory of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

WIPING_ENVIRONMENT: Mapping[str, str] = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=170:glibc.malloc.tcache_count=0",
}


def is_wiping(environment: Mapping[str, str]) -> bool:
    """Whether a process with this environment overwrites what it frees (with glibc)."""
    return all(environment.get(name) == value for name, value in WIPING_ENVIRONMENT.items())
