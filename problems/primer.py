"""What S3 (arXiv 2408.11266) claims about training; its two versions disagree about batch normalisation.

Its statement on batch sizes is about the heat equation alone.
"""

from __future__ import annotations

from problems.claims import RankingClaim, TrendClaim

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
