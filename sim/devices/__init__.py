"""Simulated hardware: turnstiles, doors, sensors, cameras, MRZ readers, photographs."""
