"""Another author's Modbus master working the simulated turnstile, as a process of its own."""

import json
import sys

from pymodbus.client import ModbusSerialClient


def main() -> None:
    client = ModbusSerialClient(sys.argv[1], baudrate=115_200, timeout=5)
    client.connect()
    before = client.read_holding_registers(0x40, count=9, device_id=1).registers
    client.write_registers(0x40, [1], device_id=1)
    after = client.read_holding_registers(0x40, count=9, device_id=1).registers
    identity = client.read_device_information(device_id=1, read_code=1).information
    refused = client.read_holding_registers(0x50, count=1, device_id=1).exception_code
    client.close()
    texts = [identity[number].decode() for number in sorted(identity)]
    print(json.dumps({"before": before, "after": after, "identity": texts, "refused": refused}))


if __name__ == "__main__":
    main()
