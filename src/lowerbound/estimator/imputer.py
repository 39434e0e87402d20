"""Missing values filled in, as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from lowerbound.archive.structure import Storable
from lowerbound.estimator.estimator import VariationalAutoencoder
from lowerbound.inference.imputation import Imputation
from lowerbound.training.checks import check_kind

__all__ = ["Imputer"]


class Imputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, Storable):
    """Fills in missing values with a variational auto-encoder that is trained on what was observed: a number
    with its mean E[x_missing∣x_observed], a category with its most probable level. What was observed comes
    back to the bit; of a frame of pandas, polars or pyarrow such a frame, with its names, its index and its
    columns' own types, where they can hold what is filled in.

    Missing are null, NaN and None. A column that `fit` saw no value of stays without one.

    **Arguments:**

    - `estimator`: a [`VariationalAutoencoder`][lowerbound.estimator.estimator.VariationalAutoencoder], which
      is cloned, trained with `missing=True` and not calibrated; by default one at its defaults.
    - `samples`: of z a row, as in [`lowerbound.impute`][]: the more, the closer to the exact conditional.
    - `random_state`: all randomness follows from it; `None` for that of the `estimator`.

    **Fitted:** `estimator_`, `n_features_in_`, `feature_names_in_`.

    **Raises:** in `fit` what the estimator raises, and `TypeError` where `estimator` is something else.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 1)) * [1.0, 2.0]
    >>> x[:10, 1] = np.nan
    >>> quick = {"epochs": 5, "evidence_method": "importance", "evidence_samples": 10}
    >>> small = VariationalAutoencoder(latent_dim=1, width=8, **quick)
    >>> filled = Imputer(small, samples=20, random_state=0).fit_transform(x)
    >>> bool(np.isfinite(filled).all()), bool((filled[10:] == x[10:]).all())
    (True, True)
    """

    def __init__(
        self,
        estimator: VariationalAutoencoder | None = None,
        *,
        samples: int = 1000,
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.samples = samples
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on what was observed; the weights are those of the estimator's `fit`."""
        vae = self._untrained()
        vae.set_params(missing=True, calibration=0)
        if self.random_state is not None:
            vae.set_params(random_state=self.random_state)
        self._keep(vae.learn(X, sample_weight))
        return self

    def transform(self, X: Any) -> Any:
        """X without holes: means, and most probable levels. A row's do not depend on the other rows."""
        check_is_fitted(self)
        return self.estimator_.impute(X, samples=self.samples, mean=True)

    def imputed(
        self, X: Any, *, draws: int = 1, interval: float = 0.9, calibration: Any = None
    ) -> Imputation:
        """All that is known of the missing values of X: means, draws, intervals, the probabilities of levels
        and effective sample sizes, in tables such as X ([`Imputation`][]); the intervals by the `calibration`
        rows, where there are some ([`imputed`][lowerbound.imputed])."""
        check_is_fitted(self)
        return self.estimator_.imputed(
            X, draws=draws, interval=interval, calibration=calibration, samples=self.samples
        )

    def stored(self) -> dict[str, Any]:
        """What is kept of a fitted imputer."""
        check_is_fitted(self)
        return {"estimator": self.estimator_, "samples": self.samples}

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> Self:
        """The imputer of which [`stored`][] gave this."""
        vae = kept["estimator"]
        imputer = cls(clone(vae), samples=kept["samples"], random_state=vae.random_state)
        imputer._keep(vae)
        return imputer

    def _untrained(self) -> VariationalAutoencoder:
        if self.estimator is None:
            return VariationalAutoencoder()
        expected = "a VariationalAutoencoder, or None"
        check_kind("estimator", self.estimator, VariationalAutoencoder, expected)
        copy: VariationalAutoencoder = clone(self.estimator)
        return copy

    def _keep(self, vae: VariationalAutoencoder) -> None:
        self.estimator_ = vae
        self.n_features_in_ = vae.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(vae, "feature_names_in_"):
            self.feature_names_in_ = vae.feature_names_in_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
