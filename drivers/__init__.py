"""Devices of a lane: passport reader, turnstile, camera, and the wires under them."""
