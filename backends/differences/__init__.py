"""Finite differences on uniform grids: the grid, the declaration read as source code, and the stencils made of it."""
