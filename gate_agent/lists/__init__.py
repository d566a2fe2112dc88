"""The device that asks lists of persons and documents, and answers `CheckLists`."""
