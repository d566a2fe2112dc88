"""The virtual clock, serial lines, pseudo-terminals and the broker between a lane and the world."""
