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
    }
)
