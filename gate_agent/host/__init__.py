"""The computer a gate runs on: doctor, clock, service manager, secrets, memory."""
