"""Finite elements with FEniCSx: weak forms made from the declaration, and the parts of their solution."""
