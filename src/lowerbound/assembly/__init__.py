"""From rows and names to a model and its objective: what the command line asks for in words, as parts."""

from lowerbound.assembly.model import Built, automatic_prior, build
from lowerbound.assembly.objective import automatic_objective, objective_named, weights_of_columns

__all__ = [
    "Built",
    "automatic_objective",
    "automatic_prior",
    "build",
    "objective_named",
    "weights_of_columns",
]
