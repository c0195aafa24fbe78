"""Set-ups of the sources, kept as they were, and the best ones found here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "s1-diffusion": {
            "network": {"widths": (20,), "activation": "sigmoid", "scaled": False},
            "constraint": {"kind": "trial", "form": "published"},
            "points": {"kind": "grid", "counts": (11, 101)},
            "optimizer": {"kind": "adam", "rate": 0.01, "decay": "constant"},
            "iterations": 10_000,
            "keep": "last",
        },
        "s1-diffusion-fine": {
            "network": {"widths": (20,), "activation": "sigmoid", "scaled": False},
            "constraint": {"kind": "trial", "form": "published"},
            "points": {"kind": "grid", "counts": (101, 10_001)},
            "optimizer": {"kind": "adam", "rate": 0.01, "decay": "constant"},
            "iterations": 10_000,
            "keep": "last",
        },
        "s1-eigen": {
            "network": {"widths": (100, 50, 25), "activation": "sigmoid", "scaled": False},
            "constraint": {"kind": "trial", "form": "published"},
            "points": {"kind": "grid", "counts": (11,)},
            "optimizer": {"kind": "adam", "rate": 0.01, "decay": "constant"},
            "iterations": 2_000,
            "keep": "last",
        },
        "s2-decay": {
            "network": {
                "widths": (50, 50, 50),
                "activation": "leaky-relu",
                "init": "fan-in-uniform",
                "scaled": False,
            },
            "constraint": {"kind": "penalty"},
            "points": {"kind": "jittered-grid", "counts": (501,), "deviation": 0.1},
            "optimizer": {"kind": "sgd", "rate": 8e-3},
            "iterations": 10_000,
            "keep": "last",
        },
        "s3-heat": {
            "network": {"widths": (32, 32, 32), "activation": "tanh", "scaled": False},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "uniform", "batch": 64},
            "optimizer": {"kind": "adam", "rate": 1e-4, "decay": "constant"},
            "iterations": 15_000,
            "keep": "last",
        },
        "s3-heat-v1": {
            "network": {"widths": (128, 128, 128, 128), "activation": "tanh", "scaled": False},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "uniform", "batch": 64},
            "optimizer": {"kind": "adam", "rate": 1e-4, "decay": "constant"},
            "iterations": 15_000,
            "keep": "last",
        },
        "s3-decay": {
            "network": {"widths": (32, 32), "activation": "tanh", "scaled": False},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "uniform", "batch": 64},
            "optimizer": {"kind": "adam", "rate": 1e-4, "decay": "constant"},
            "iterations": 5_000,
            "keep": "last",
        },
        "s3-fhn": {
            "network": {"kind": "dgm", "width": 128, "layers": 4, "activation": "tanh", "scaled": False},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "uniform", "batch": 256},
            "optimizer": {
                "kind": "adam",
                "rate": 1e-4,
                "decay": "step",
                "final_fraction": 0.1,
                "drop_at": 35_000 / 150_000,
            },
            "iterations": 150_000,
            "keep": "last",
        },
        "s3-fredholm": {
            # torch's gain for tanh, in the gated layers alone, although they are rectified.
            "network": {
                "kind": "dgm",
                "width": 32,
                "layers": 1,
                "activation": "relu",
                "gain": 5.0 / 3.0,
                "scaled": False,
            },
            "points": {"kind": "uniform", "batch": 32},
            "quadrature": {"kind": "monte-carlo", "nodes": 50},
            "optimizer": {"kind": "adam", "rate": 1e-4, "decay": "constant"},
            "iterations": 3_000,
            "keep": "last",
        },
        # S4 gives no sizes; these are usual ones.
        "s4-plain-residual": {
            "objective": "residual",
            "network": {"widths": (32, 32), "activation": "tanh"},
            "points": {"kind": "uniform", "batch": 256},
            "optimizer": {"kind": "adam", "rate": 1e-3},
            "iterations": 3_000,
            "keep": "last",
        },
        # The best set-ups found, one for all seeds. How they were chosen, and what that cost, stands in README.md.
        "best-heat": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "chebyshev", "counts": (30,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 3_000,
        },
        "best-poisson": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "chebyshev", "counts": (24,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 3_000,
        },
        "ritz-poisson": {
            "objective": "energy",
            "network": {"widths": (24, 24)},
            "points": {"kind": "gauss", "counts": (24,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 1_500,
        },
        "best-poisson-5d": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "sobol", "count": 1_000},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 2_000,
        },
        # A trial function of the box holds a sum of functions of one coordinate each, or of two, before it is trained;
        # with penalties such solutions are a task.
        "best-poisson-10d": {
            "network": {"widths": (32, 32)},
            "constraint": {"kind": "penalty", "boundary_weight": 10.0},
            "points": {"kind": "sobol", "count": 500, "every": 500},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 4_000,
        },
        # For 100 dimensions. A trial function would start from the terminal value, which has a dip or a peak where the
        # answer is wanted, and the solution has none.
        "best-hjb": {
            "network": {"widths": (64,)},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "paths", "batch": 128},
            "optimizer": {"kind": "adam", "rate": 3e-3},
            "iterations": 4_000,
            "keep": "last",
        },
        "best-allen-cahn-nd": {
            "network": {"widths": (64,)},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "paths", "batch": 256},
            "optimizer": {"kind": "adam", "rate": 3e-3},
            "derivatives": "stde",
            "directions": 32,
            "iterations": 8_000,
            "keep": "last",
        },
        "ritz-poisson-10d": {
            "objective": "energy",
            "network": {"widths": (32, 32)},
            "points": {"kind": "uniform", "batch": 4_096},
            "optimizer": {"kind": "adam", "rate": 3e-3},
            "iterations": 3_000,
        },
        # For what a step takes in memory and time; its few steps find no answer.
        "training-step": {
            "network": {"widths": (128, 128, 128, 128)},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "paths", "batch": 128},
            "directions": 8,
            "iterations": 1_000,
            "time_limit": 1.0,
            "keep": "last",
        },
        "best-burgers": {
            "network": {"widths": (24, 24, 24, 24)},
            "points": {"kind": "adaptive", "count": 2_000, "every": 500, "pool": 20_000},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 4_500,
        },
        # The following are for the default setting of their equation; harder presets of it need more.
        "best-heat-nd": {
            "network": {"widths": (24, 24, 24)},
            "points": {"kind": "sobol", "count": 2_048},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 5_000,
        },
        "best-advection-diffusion": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "chebyshev", "counts": (40,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 4_000,
        },
        "best-helmholtz": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "chebyshev", "counts": (24,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 3_000,
        },
        "best-wave": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "chebyshev", "counts": (24,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 4_000,
        },
        # The initial state has a kink where the period closes; a trial function would keep it for all times.
        "best-allen-cahn": {
            "network": {"widths": (24, 24, 24, 24)},
            "constraint": {"kind": "penalty", "initial_weight": 100.0},
            "points": {"kind": "adaptive", "count": 2_000, "every": 500, "pool": 20_000},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 5_500,
        },
        "best-schroedinger-1d": {
            "network": {"widths": (24, 24, 24)},
            "points": {"kind": "sobol", "count": 2_048},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 5_000,
        },
        "best-reaction-diffusion": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "adaptive", "count": 2_000, "every": 500, "pool": 20_000},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 5_000,
        },
        "best-decay": {
            "network": {"widths": (16, 16)},
            "points": {"kind": "chebyshev", "counts": (32,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 2_000,
        },
        "best-fhn": {
            "network": {"widths": (16, 16, 16)},
            "points": {"kind": "chebyshev", "counts": (200,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 8_000,
        },
        "best-fredholm": {
            "network": {"widths": (16, 16)},
            "points": {"kind": "chebyshev", "counts": (24,)},
            "quadrature": {"kind": "gauss-legendre", "nodes": 24},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 1_500,
        },
        "best-fredholm-singular": {
            "network": {"widths": (24, 24)},
            "points": {"kind": "chebyshev", "counts": (128,)},
            "quadrature": {"kind": "product", "nodes": 129, "degree": 4, "grading": 4.0},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 2_000,
        },
        # Between fewer points the quotient does not see what a network does there: with 96, four of sixteen seeds
        # ended in a spike.
        "best-schroedinger": {
            "objective": "rayleigh",
            "network": {"widths": (16, 16)},
            "points": {"kind": "gauss", "counts": (192,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 1_200,
        },
        # For ten dimensions. The width is knowledge of the state: 0.65 is that of the outermost oscillators, the others
        # are a little narrower; without springs it would be 0.71.
        "best-schroedinger-nd": {
            "objective": "rayleigh",
            "network": {"widths": (32, 32)},
            "constraint": {"kind": "trial", "envelope": 0.65},
            "points": {"kind": "normal", "count": 2_048, "width": 0.65, "fresh": True},
            "optimizer": {"kind": "adam", "rate": 1e-2},
            "derivatives": "nested-reverse",
            "iterations": 3_000,
        },
        "best-inverse": {
            "network": {"widths": (16, 16)},
            "points": {"kind": "chebyshev", "counts": (16,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 1_500,
        },
        "best-eigen": {
            "network": {"widths": (16, 16)},
            "constraint": {"kind": "trial", "form": "published"},
            "points": {"kind": "chebyshev", "counts": (100,)},
            "optimizer": {"kind": "ssbroyden"},
            "iterations": 4_000,
        },
    }
)

BSDE_PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # For 100 dimensions. Of the control problem's error the steps leave 1.1e-4, of the reaction's 1.1e-3.
        "best-hjb": {"steps": 20, "batch": 64, "optimizer": {"kind": "adam", "rate": 0.01}, "iterations": 3_000},
        "best-allen-cahn-nd": {
            "steps": 40,
            "batch": 64,
            "optimizer": {"kind": "adam", "rate": 0.01},
            "iterations": 2_000,
        },
    }
)
