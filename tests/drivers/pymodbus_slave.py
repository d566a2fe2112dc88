"""A turnstile's registers served by another author's Modbus slave, as a process of its own."""

import asyncio
import sys

from pymodbus import ModbusDeviceIdentification
from pymodbus.server import StartAsyncSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

LANE = [0, 0, 1, 0, 0x0002, 0x0001, 5, 0, 0]  # exit counter 0x00010002, one in the zone


def main() -> None:
    device = SimDevice(
        id=1,
        simdata=[
            SimData(0x40, values=LANE, datatype=DataType.REGISTERS),
            SimData(0x3000, values=[0], datatype=DataType.REGISTERS),
        ],
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
