"""Readers of MRZ and chip, and the device that runs a read on them."""
