"""The simulator: wires, chips, turnstiles and people in place of the real ones."""
