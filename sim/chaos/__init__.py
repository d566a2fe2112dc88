"""Campaigns of faults against the record's way, with the real processes and the real files."""
