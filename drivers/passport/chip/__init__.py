"""The protocols of the chip: access, secure messaging, files, authentication."""
