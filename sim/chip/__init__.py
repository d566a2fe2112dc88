"""The simulated travel document: its issuer, its chip, its faults and its forgeries."""
