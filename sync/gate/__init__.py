"""The gate's side of the record: journal, publisher, the sync process."""
