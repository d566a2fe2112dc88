"""Records: the gate's journal, its way to the central system, and the central system."""
