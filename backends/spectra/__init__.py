"""Spectral collocation: bases on an interval, an equation on their tensor products, and exponential time steps."""
