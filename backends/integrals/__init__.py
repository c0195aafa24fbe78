"""Integral equations of the second kind: quadrature rules, product integration, and what their solvers share."""
