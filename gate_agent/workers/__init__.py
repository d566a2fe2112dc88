"""The agent and its worker processes: the link between them, and the vision worker."""
