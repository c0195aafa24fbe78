"""Physics-informed networks: one description of network, points, constraint and optimizer, an engine per framework."""
