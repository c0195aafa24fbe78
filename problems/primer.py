"""What S3 (arXiv 2408.11266) claims about training, and how it judges; its versions disagree on batch normalisation.

Its statement on batch sizes is about the heat equation alone.
"""

from __future__ import annotations

from problems.claims import RankingClaim, TrendClaim
from problems.parameters import InputError

NORMALISATION = "network.normalisation"
NORMALISATION_CLAIMS = {
    "claim/normalisation/v1": RankingClaim(
        "S3 v1",
        "study of batch normalisation",
        "Batch normalisation after the activation makes training slowest.",
        NORMALISATION,
        "after",
        "slowest",
    ),
    "claim/normalisation/v5": RankingClaim(
        "S3 v5",
        "section 6.6, figure 10",
        "Batch normalisation after the activation makes training fastest.",
        NORMALISATION,
        "after",
        "fastest",
    ),
}
BATCH_CLAIMS = {
    "claim/batch-size": TrendClaim(
        "S3 v5",
        "section 6.5, figure 9",
        "How fast the loss falls at first depends on the size of the batch.",
        "points.batch",
        1000,
        "varies",
    ),
}


def check_nodes(name: str, nodes: int) -> None:
    """An evaluation grid of S3 includes both ends of every coordinate; 0 stands for none.

    Raises:
        InputError: for a single node.

    """
    if nodes == 1:
        raise InputError(f"{name}: parameter 'nodes' is 1, which leaves no room for both ends; give at least 2")
