"""What the product costs in time and memory, as ratios measured in one run."""
