"""Independent reference solutions that take numerics of their own, with numpy alone."""
