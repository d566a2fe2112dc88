"""A turnstile's registers served by another author's Modbus slave, as a process of its own.

`pymodbus_slave.py PORT [EVERY LATE_MS]`: with the latter the exit counter counts the requests
served, and every Nth answer comes late.
"""

import asyncio
import sys

from pymodbus import ModbusDeviceIdentification
from pymodbus.server import StartAsyncSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

LANE = [0, 0, 1, 0, 0x0002, 0x0001, 5, 0, 0]  # exit counter 0x00010002, one in the zone
COUNTER = 0x44


def main() -> None:
    every, late_ms = (int(n) for n in (sys.argv[2:4] or ("0", "0")))
    served = 0

    async def act(_function, start, _address, _count, registers, _values) -> None:
        nonlocal served
        served += 1
        at = COUNTER - start
        if 0 <= at < len(registers) - 1:
            registers[at], registers[at + 1] = served & 0xFFFF, served >> 16
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
