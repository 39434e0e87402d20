"""Why a model is as good as it is: what its bound is lost to, and what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import PRNGKeyArray

from lowerbound.data.rows import Rows, checked
from lowerbound.diagnosis.activity import ACTIVE, activity_of
from lowerbound.diagnosis.diagnosis import Diagnosis, Estimate, Notes, PerRow
from lowerbound.diagnosis.gaps import Gaps, gaps_of
from lowerbound.diagnosis.information import Information, information_of
from lowerbound.diagnosis.judges import (
    judged_activity,
    judged_finite,
    judged_gaps,
    judged_information,
    judged_memory,
    judged_scale,
    judged_warm_up,
)
from lowerbound.diagnosis.looked import Constants, Looked, look
from lowerbound.diagnosis.scale import scale_of
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.objective import Objective
from lowerbound.randomness.keys import as_key

__all__ = ["diagnose"]


def diagnose(
    model: LatentModel,
    x: ArrayLike,
    *,
    train: ArrayLike | None = None,
    given: ArrayLike | None = None,
    train_given: ArrayLike | None = None,
    history: Sequence[Mapping[str, float]] | None = None,
    objective: Objective | None = None,
    rows: int = 500,
    gap_rows: int = 100,
    samples: int = 500,
    key: PRNGKeyArray | int = 0,
) -> Diagnosis:
    """What the bound of a model is lost to on rows that it was not trained on, in nats a row; verdicts in
    plain words, and for each fault the option to change.

    - The bound is −(rate + distortion), rate = E_q[log q(z∣x) − log p(z)] and distortion = −E_q[log p(x∣z)]
      (Alemi et al. 2018): over M rows, 4 draws each.
    - rate = I(x; z) + KL(q(z) ‖ p(z)), q(z) = E_x q(z∣x) (Hoffman & Johnson 2016). With q(z) the mean over
      the M rows, a row's own among them, I is low (at most log M) and the KL high; with its own left out I
      is high and the KL low (Poole et al. 2019, section 2). E_q[log r(z) − log p(z)] with r the Gaussian
      that is fitted to the other half of the rows is low too, and the higher of the two is taken.
    - log p(x) − bound = [log p(x) − bound(q*)] + [bound(q*) − bound(q)], the approximation and the
      amortisation gap (Cremer, Li & Duvenaud 2018). q* is the member of the posterior's family found for
      the row alone by 200 steps of Adam from what the encoder puts out, 8 draws a step; a flow keeps its
      own arrays. log p(x) is that of [`log_evidence`][], whose proposal is fitted to the row; where it
      cannot be relied on a note says so.
    - A dimension is active where Var E[zᵢ∣x] is at least 1 % of Var zᵢ.

    **Arguments:** `x`: (n, d), rows that were not trained on; `train`: rows that were, to see what is
    memorised; `given`, `train_given`: their conditions; `history`, `objective`: those of the training, to see
    whether rows that were kept back chose the model, and whether a warm-up had ended; `rows`: how many rows
    of each are looked at, drawn by `key`; `gap_rows`: for how many of them q* is found; `samples`: of both
    bounds and of log p(x), a row.

    **Raises:** `ValueError` where there are fewer than 2 rows or samples, and for rows that are none of the
    model's, as [`log_evidence`][].

    >>> import jax.numpy as jnp, numpy as np, lowerbound as lb
    >>> model = lb.VAE(                                    # neither posterior nor likelihood uses the other
    ...     lb.StandardNormal(1),
    ...     lb.Conditional(lambda x: jnp.zeros(2), lb.DiagonalGaussian(1)),
    ...     lb.Conditional(lambda z: jnp.zeros(4), lb.DiagonalGaussian(2)),
    ... )
    >>> diagnosis = lb.diagnose(model, np.random.default_rng(0).normal(size=(50, 2)), samples=100)
    >>> [verdict.name for verdict in diagnosis.verdicts if not verdict.healthy]
    ['collapsed dimensions']
    """
    key = as_key(key)
    table = _some(checked(model, x, given), rows, key)
    if min(len(table.x), gap_rows, samples) < 2:
        raise ValueError(
            f"diagnose: a standard error needs at least 2 rows and samples; found {len(table.x)} rows, "
            f"gap_rows={gap_rows} and samples={samples}"
        )
    constants, notes = Constants(model, key), Notes()
    looked, trained = look(constants, table), None
    if train is None:
        notes.append("memorised rows: not judged, no training rows were given (train=)")
    else:
        trained = look(constants, _some(checked(model, train, train_given, "train"), rows, key))
    # For what does not depend on the row: the posterior's kind.
    condition = None if table.given is None else table.given[0]
    first = model.sampler(jnp.asarray(table.x[0]), key, condition)
    activity = activity_of(looked, notes)
    information = information_of(model, looked, table.given, first, notes)
    gaps = gaps_of(constants, table[:gap_rows], samples, first, notes)
    scale = scale_of(model, looked, table.given, notes)
    if looked.kl is None:
        notes.append("KL per dimension: not defined, posterior or prior does not factorise over dimensions")
    verdicts = (
        *judged_finite(looked),
        *judged_activity(activity, len(looked.y)),
        *judged_gaps(model, gaps, activity, looked.dimensions, notes),
        *judged_information(information, notes),
        *judged_memory(trained, looked, history, notes),
        *judged_scale(scale),
        *judged_warm_up(history, objective, notes),
    )
    return Diagnosis(
        **_estimates(looked, trained, information, gaps),
        rows=len(looked.y),
        gap_rows=len(gaps.log_evidence),
        posterior_mean_variance=None if activity is None else activity.of_means,
        active=None if activity is None else activity.share >= ACTIVE,
        kl_per_dimension=None if looked.kl is None else looked.kl.mean(0),
        decoder_scale=scale,
        verdicts=verdicts,
        notes=tuple(notes),
    )


def _some(table: Rows, rows: int, key: PRNGKeyArray) -> Rows:
    """As many of the rows as are looked at, in random order."""
    return table[np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(len(table))[:rows]]


def _estimates(
    looked: Looked, trained: Looked | None, information: Information, gaps: Gaps
) -> dict[str, Any]:
    """The fields of a diagnosis that are means over rows."""
    return {
        "rate": Estimate.over_rows(looked.rate),
        "distortion": Estimate.over_rows(looked.distortion),
        "elbo": Estimate.over_rows(looked.elbo),
        "mutual_information": _if_any(information.low),
        "mutual_information_upper": _if_any(information.high),
        "marginal_kl": _if_any(information.marginal_high),
        "marginal_kl_lower": _if_any(information.marginal_low),
        "log_evidence": Estimate.over_rows(gaps.log_evidence),
        "inference_gap": Estimate.over_rows(gaps.inference),
        "approximation_gap": _if_any(gaps.approximation),
        "amortization_gap": _if_any(gaps.amortization),
        "generalization_gap": None if trained is None else Estimate.difference(trained.elbo, looked.elbo),
    }


def _if_any(values: PerRow | None) -> Estimate | None:
    return None if values is None else Estimate.over_rows(values)
