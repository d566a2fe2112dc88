"""Register maps of turnstiles on Modbus: one module for each make, none knows another."""
