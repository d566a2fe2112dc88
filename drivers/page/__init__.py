"""Readers of a whole page: the page port, its frames and what a vendor fills in."""
