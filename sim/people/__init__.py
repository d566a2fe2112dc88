"""Simulated travellers and officers, and the hardware they stand before."""
