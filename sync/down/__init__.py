"""What comes down to a gate: fetching, verifying and installing signed data and software."""
