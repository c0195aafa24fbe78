"""Families of problems beside those in `problems/base.py`."""
