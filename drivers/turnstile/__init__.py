"""The turnstile: Modbus RTU master and the device facade over it."""
