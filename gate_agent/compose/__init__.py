"""Composition roots, one module per process: the only places where concrete classes meet."""
