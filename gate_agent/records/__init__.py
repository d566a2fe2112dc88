"""What the agent records: journal writer, trace, vault, the schema of a record."""
