"""The manifest of models, and where installed models live."""
