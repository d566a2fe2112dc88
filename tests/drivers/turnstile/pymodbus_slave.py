"""A turnstile's registers served by another author's Modbus slave, as a process of its own.

`pymodbus_slave.py PORT [EVERY LATE_MS]`: with the latter every Nth answer comes late, and the error
code is the time at which the request was taken, in ms of the clock all processes share.
"""

import asyncio
import sys
import time

from pymodbus import ModbusDeviceIdentification
from pymodbus.server import StartAsyncSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

LANE = [0, 0, 1, 0, 0x0002, 0x0001, 5, 0, 0]  # exit counter 0x00010002, one in the zone
ERROR = 0x48


def main() -> None:
    every, late_ms = (int(n) for n in (sys.argv[2:4] or ("0", "0")))
    served = 0

    async def act(_function, start, _address, _count, registers, _values) -> None:
        nonlocal served
        served += 1
        at = ERROR - start
        if 0 <= at < len(registers):
            registers[at] = time.monotonic_ns() // 1_000_000 & 0xFFFF
        if served % every == 0:
            await asyncio.sleep(late_ms / 1000)

    device = SimDevice(
        id=1,
        simdata=[
            SimData(0x40, values=LANE, datatype=DataType.REGISTERS),
            SimData(0x3000, values=[0], datatype=DataType.REGISTERS),
        ],
        action=act if every else None,
    )
    identity = ModbusDeviceIdentification(
        info_name={"VendorName": "acme", "ProductCode": "gate", "MajorMinorRevision": "2.1"}
    )
    asyncio.run(
        StartAsyncSerialServer(
            device,
            identity=identity,
            port=sys.argv[1],
            baudrate=115_200,
            bytesize=8,
            parity="N",
            stopbits=1,
        )
    )


if __name__ == "__main__":
    main()
