"""One virtual lane: production drivers and core on simulated wires, its journal, its faults."""
