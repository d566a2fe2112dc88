"""The module of a lane with two doors: whose release it is that stands on the exit's relay."""

from __future__ import annotations

from firmware_cfg.turnstile import IoModule
from sim.devices.io_module import SimIoModule

WRITE_COIL, WRITE_REGISTERS = 5, 16
ON = 0xFF00
TRIPS_NS = 500_000_000


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def test_what_the_watchdog_freed_is_no_release_of_a_master() -> None:
    module = SimIoModule(IoModule())
    wiring = module.wiring
    exit_bit = 1 << wiring.exit.release
    module.serve(WRITE_REGISTERS, words(wiring.config, 3) + b"\x06" + words(50, exit_bit, 0), 0)
    module.move(TRIPS_NS)
    module.serve(WRITE_REGISTERS, words(wiring.config + 2, 1) + b"\x02" + words(0), TRIPS_NS)
    assert module.coils[wiring.exit.release]
    assert (module.exit_released, module.releases) == (False, 0)
    for _ in range(2):  # written again it releases no one else
        module.serve(WRITE_COIL, words(wiring.exit.release, ON), TRIPS_NS)
        assert (module.exit_released, module.releases) == (True, 1)
    module.serve(WRITE_COIL, words(wiring.exit.release, 0), TRIPS_NS)
    assert not module.exit_released
