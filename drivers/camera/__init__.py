"""Cameras: a newest-frame mailbox over a source of pictures."""
