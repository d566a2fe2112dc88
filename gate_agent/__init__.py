"""The agent of a gate: the control process, its command line and its console."""
