"""Forward maps of inverse problems: what would be observed for given parameters."""
