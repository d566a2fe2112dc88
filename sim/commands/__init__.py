"""The commands of the simulator: `egate sim`, `demo`, `chip`, `bench` and `chaos`."""
