"""The turnstile: machines of one kind each, their links, and the register maps of Modbus."""
