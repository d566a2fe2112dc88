"""Face verification: detection, quality, attack detection and one-to-one comparison."""
