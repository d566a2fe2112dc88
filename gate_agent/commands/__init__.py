"""The commands of `egate`, a module per theme; each imports what it needs when it runs."""
