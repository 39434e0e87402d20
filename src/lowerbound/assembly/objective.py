"""From names to the objective of a model: what an option asks for in words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from lowerbound.data.schema import Schema
from lowerbound.models.conditional import Conditional
from lowerbound.models.vae import VAE
from lowerbound.objectives.bounds import ELBO
from lowerbound.objectives.objective import Objective
from lowerbound.objectives.schedules import WarmUp
from lowerbound.parts import default, kebab, part

__all__ = ["automatic_objective", "objective_named", "weights_of_columns"]

_OBJECTIVE = default("objective")
# Of the bound of a table.
_SAMPLES = 5
# Steps of a warm-up. On QM9 it leaves 6 nats of rate where without it .02 are left, and log p(x) is higher.
_WARM_UP = 4000


def automatic_objective(model: VAE) -> Objective:
    """The objective where none is named: of a table that is modelled by its columns, and where values are
    missing, the bound of 5 samples, `IWAE(5)`; else the ELBO. p(z∣x) of such a row is seldom near a
    Gaussian: with one sample small tables, or those of which half is missing, leave z without use. Where text
    is a sequence a sample costs a pass over all its tokens, and it is the ELBO."""
    columns = part("several", "columns")
    likelihood = model.likelihood
    by_columns = isinstance(likelihood, Conditional) and isinstance(likelihood.family, columns)
    several = (by_columns or model.takes_missing) and not model.together
    return part("iwae", "objective")(_SAMPLES) if several else ELBO()


def objective_named(
    name: str | Objective = _OBJECTIVE,
    beta: float = 1.0,
    gradient: str = default("gradient"),
    model: VAE | None = None,
    column_weights: np.ndarray | None = None,
    warm_up: int | None = None,
    steps: int = 0,
    free_nats: float = 0.0,
) -> Objective:
    """The objective that an option names, at the defaults of its class (`iwae`: 50 samples), with the weight
    β of the KL, the steps in which it rises from 0, the nats of it that are free and the weights of the
    columns for `elbo`, and its gradient estimator. An objective itself, which has all of these, as it is.
    `auto` is what [`automatic_objective`][] says for a model, and `elbo` with any of these or no model. Where
    nothing is said of it, β rises where a row has text, which may be told from the tokens before without z:
    in half of the `steps` that are to be made, at most 4,000.

    >>> objective_named("iwae").samples
    50
    """
    if warm_up is None:
        rises = name in (_OBJECTIVE, kebab(ELBO.__name__)) and model is not None and model.together
        warm_up = min(_WARM_UP, steps // 2) if rises else 0
    if isinstance(name, str) and name == _OBJECTIVE:
        of_elbo = beta != 1 or warm_up or free_nats or column_weights is not None
        plain = not of_elbo and gradient == default("gradient")
        if model is not None and plain:
            return automatic_objective(model)
        name = kebab(ELBO.__name__)
    if isinstance(name, Objective):
        if beta != 1 or gradient != default("gradient"):
            raise ValueError(
                f"objective: {type(name).__name__}(…) has its own beta and gradient; found beta={beta} and "
                f"gradient={gradient!r} besides: hand them to the objective"
            )
        found = f"{type(name).__name__}(…), which has its own"
        _check_elbo(found, column_weights, warm_up, free_nats)
        return name
    kind, estimator = part(name, "objective"), part(gradient, "gradient")()
    options: dict[str, Any] = {}
    if kind is ELBO:
        rising = WarmUp(warm_up, end=beta) if warm_up else beta
        options |= {"beta": rising, "column_weights": column_weights, "free_nats": free_nats}
    else:
        _check_elbo(name, column_weights, warm_up, free_nats)
        if beta != 1:
            raise ValueError(f"beta: goes with the objective elbo, found {beta} with {name}")
    if "gradient" in inspect.signature(kind).parameters:
        options["gradient"] = estimator
    elif estimator != part(default("gradient"), "gradient")():
        raise ValueError(f"gradient: {name} has its own, found {gradient}")
    if kind is ELBO and estimator == part("vimco", "gradient")():
        options["samples"] = 2  # the fewest of which one can be left out
    objective: Objective = kind(**options)
    return objective


def _check_elbo(found: str, column_weights: np.ndarray | None, warm_up: int, free_nats: float) -> None:
    asked = {"column_weights": column_weights is not None, "warm_up": warm_up, "free_nats": free_nats}
    for option, said in asked.items():
        if said:
            raise ValueError(f"{option}: goes with the objective elbo, found {found}")


def weights_of_columns(said: Mapping[str, float] | None, schema: Schema | None) -> np.ndarray | None:
    """The weight of each place of an encoded row's term of log p(x∣z), of columns named in `said`, 1 of the
    others; `None` where nothing is said.

    **Raises:** `ValueError` for a column that there is not.

    >>> import pyarrow
    >>> schema = Schema.of(pyarrow.table({"a": [0.5, 1.25, 3.0], "b": ["x", "y", "x"]}))
    >>> weights_of_columns({"b": 3}, schema).tolist()
    [1.0, 3.0]
    """
    if not said:
        return None
    if schema is None:
        raise ValueError("column_weights: are of columns by name, found rows without a schema")
    schema.check_named("column_weights", said)
    return np.asarray([said.get(column.name, 1.0) for column in schema.placed], float)
