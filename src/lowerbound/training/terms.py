"""The terms of an objective: whatever it names, and the objective itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from lowerbound.objectives.gradients import Terms

__all__ = ["named", "ordered"]

# What a record of the history holds besides terms.
_TAKEN = ("objective", "step", "epoch", "of_epochs", "best_step", "seconds", "examples_per_second")


def named(value: Float[Array, ""], terms: Terms) -> Terms:
    """The terms by name, with the value to be maximised as `objective`.

    **Raises:** `ValueError` for a name that a record of the history has already, and for a term that is not
    one number.

    >>> import jax.numpy as jnp
    >>> sorted(named(jnp.zeros(()), {"bound": jnp.zeros(()), "entropy": jnp.ones(())}))
    ['bound', 'entropy', 'objective']
    """
    for name, term in terms.items():
        if name in _TAKEN or name.startswith("validation_"):
            raise ValueError(
                f"objective: a term is named {name!r}, which stands for something else in the history; "
                "rename it"
            )
        if jnp.shape(term) != ():
            raise ValueError(
                f"objective: expected one number for the term {name!r}, found an array of shape "
                f"{jnp.shape(term)}; take its sum or its mean"
            )
    return {"objective": value, **{name: jnp.asarray(term, float) for name, term in terms.items()}}


def ordered(terms: Mapping[str, Any]) -> list[str]:
    """Their names, the objective's first.

    >>> ordered({"bound": 0.0, "entropy": 0.0, "objective": 0.0})
    ['objective', 'bound', 'entropy']
    """
    return sorted(terms, key=lambda name: name != "objective")
