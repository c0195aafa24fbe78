"""What is known of costs against the dimension: series of rows, their growth, and what is shown of them."""

from reports.dimension.figures import of_study as figures_of
from reports.dimension.sentences import conclude, no_gpu
from reports.dimension.studies import Study, sections_of, studies
from reports.dimension.tables import accuracies
from reports.dimension.tables import of_study as tables_of

__all__ = ["Study", "accuracies", "conclude", "figures_of", "no_gpu", "sections_of", "studies", "tables_of"]
