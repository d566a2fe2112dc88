"""The pure core: no clock, no randomness, no I/O. `(state, event, now_ns) -> (state, commands)`."""
