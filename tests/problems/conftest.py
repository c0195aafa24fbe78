"""Declarations are checked in double precision, by JAX as well."""

import jax

jax.config.update("jax_enable_x64", True)
