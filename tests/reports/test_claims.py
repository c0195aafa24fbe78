"""What a report shows of claims: their texts, verdicts, disputes and figures, where rows are tagged for them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import reports
from reports.sources.verdicts import CONTRADICTED, NOT_RUN, SUPPORTED
from tests.reports.judged import ORDER, make
from tests.reports.synthetic import Writer, exact


def test_report_shows_claims_with_their_figures(tmp_path: Path) -> None:
    heat = make("heat-1d", "s3")
    writer = Writer(tmp_path / "run")
    at = np.arange(10, 1010, 10)
    for mode, size in ORDER.items():
        for seed in range(5):
            loss = size * (1 + 0.1 * seed) * np.exp(-at / 300)
            settings = {"network.normalisation": mode, "points.batch": 64}
            common = {"family": "neural", "settings": settings, "published": "claim/normalisation"}
            arrays = {"loss_iterations": at, "loss_history": loss}
            writer.add(heat, "network", exact(heat, 1e-3 * size), seed=seed, arrays=arrays, **common)
    for size in (1, 4, 16):
        for seed in range(5):
            loss = (1 + 0.1 * seed) / size * np.exp(-at / 300)
            settings = {"network.normalisation": "none", "points.batch": size}
            common = {"family": "neural", "settings": settings, "published": "claim/batch-size"}
            arrays = {"loss_iterations": at, "loss_history": loss}
            writer.add(heat, "network", exact(heat, 1e-2), seed=seed, arrays=arrays, **common)
    folder = writer.finish()
    for text in (path.read_text(encoding="utf-8") for path in reports.render(folder)):
        assert "Claims of the sources" in text
        assert "Batch normalisation after the activation makes training slowest." in text
        for verdict in (SUPPORTED, CONTRADICTED, NOT_RUN):
            assert verdict in text
        assert "S3 v1 (“slowest”) is supported on network, and S3 v5 (“fastest”) is contradicted on network." in text
        assert "Training loss for each network.normalisation" in text
        assert "Mean of the losses noted in the first 1,000 iterations against points.batch" in text
    drawn = {path.name for path in (folder / "figures").iterdir()}
    assert {"heat-1d-claim-network-normalisation-losses.svg", "heat-1d-claim-points-batch-trend.svg"} <= drawn


def test_problem_without_tagged_rows_has_no_claims_in_its_report(rendered: tuple[str, str]) -> None:
    """Of the synthetic run's problems that have claims, one has rows tagged for them."""
    html, markdown = rendered
    assert re.findall(r'id="([\w-]+)-claims"', html) == ["schroedinger-radial"]
    assert markdown.count("### Claims of the sources") == 1
