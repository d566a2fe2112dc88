"""Scenarios in real time: real processes on pseudo-terminals, and the demo."""
