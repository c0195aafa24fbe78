"""What the sources print and claim, beside what a run gave for it."""

from reports.sources.claims import Judgement, judge_all, rivals
from reports.sources.figures import of_claims
from reports.sources.findings import Finding, findings, not_run
from reports.sources.published import Comparison, compare_all
from reports.sources.tables import claims_table, overview, published_table
from reports.sources.verdicts import NOT_RUN

__all__ = [
    "NOT_RUN",
    "Comparison",
    "Finding",
    "Judgement",
    "claims_table",
    "compare_all",
    "findings",
    "judge_all",
    "not_run",
    "of_claims",
    "overview",
    "published_table",
    "rivals",
]
