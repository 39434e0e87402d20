"""The whole library behind scikit-learn's interface."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any, Self

import jax
import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    OutlierMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from lowerbound.archive.store import save
from lowerbound.archive.structure import Storable
from lowerbound.assembly import build, objective_named
from lowerbound.baselines.comparison import TrainedOn
from lowerbound.data.rows import Rows
from lowerbound.data.schema import Schema, described
from lowerbound.data.tables import Columns
from lowerbound.evidence.defaults import ERROR, SAMPLES, Method
from lowerbound.evidence.ladder import log_evidence
from lowerbound.frames import completed, float_type, given_back, taken
from lowerbound.inference.codes import decode, encode
from lowerbound.inference.fingerprints import fingerprints
from lowerbound.inference.imputation import impute
from lowerbound.inference.sampling import sample
from lowerbound.leaves import as_numpy
from lowerbound.networks.activations import Activation, name_of
from lowerbound.objectives.objective import Objective
from lowerbound.parts import COUNTS, LEVELED, default, row_of
from lowerbound.training import defaults
from lowerbound.training.fit import Result, fit
from lowerbound.training.optimizer import constant_adam
from lowerbound.training.state import State

__all__ = ["VariationalAutoencoder"]

_OBJECTIVE = default("objective")
# Rows whose log p(x) is kept for thresholds: a share of them below is within a hundredth of all rows'.
_KEPT = 1_000


class VariationalAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, DensityMixin, BaseEstimator, Storable
):
    """A variational auto-encoder as a scikit-learn estimator: transformer, density and outlier detector.

    Rows are looked at and the likelihood chosen (`likelihood="auto"`): 0 and 1 → Bernoulli; whole numbers
    up to 64 → BetaBinomial; other numbers → Gaussian, standardised, with a learned scale a column; in a frame
    with text each column by its kind, and rows are given back as such a frame. What was found is in
    `schema_`, and what was chosen in `likelihood_`, in words; later rows are read the same way.

    **Arguments:**

    - `latent_dim`: latent dimensions.
    - `likelihood`: `auto`, or one of `lowerbound.parts.names("likelihood")`, such as `negative-binomial`.
    - `binarize`: `dynamic`, `static` or `threshold`, for grey values; `None`.
    - `posterior`: a family over z, one of `lowerbound.parts.names("posterior")`; `prior`: one of
      `lowerbound.parts.names("prior")`, such as `vamp-prior`, over the same set.
    - `network`: `mlp`, or `conv` for rows that are images of `image_shape`, (height, width[, channels]).
    - `width`, `depth`, `activation`: of the networks, as in [`MLP`][]; an estimator that is to be pickled
      takes the activation's name, for JAX's functions cannot be.
    - `objective`: `elbo` with the weight `beta` of its KL, or one of
      `lowerbound.parts.names("objective")`, such as `iwae`; `gradient`: its estimator, such as
      `doubly-reparameterized`. Or an objective itself, such as `IWAE(10)`, which has both.
    - `epochs`: passes over the rows, `None` for as many as make 4,000 steps, 40 to 400.
    - `batch_size`, `learning_rate`, `precision`, `validation` (a share of the rows), `patience` (epochs): as
      in [`lowerbound.fit`][].
    - `evidence_error`: of log p(x) of a row, in nats: samples are drawn until it is below, at most
      `evidence_samples`; `evidence_method`: as the `method` of [`lowerbound.log_evidence`][].
    - `contamination`: share of the training rows that `predict` calls outliers.
    - `missing`: whether NaN in X stands for a value that was not observed; log p(x) is then that of the
      observed values, and [`impute`][] draws the rest.
    - `random_state`: all randomness follows from it.

    **Fitted:** `model_` (a [`VAE`][]), `schema_` (a [`Schema`][]), `likelihood_`, `history_`, `n_iter_`
    (epochs), `offset_` (the log p(x) below which a row is an outlier), `train_log_prob_` (of up to 1,000 of
    the training rows, drawn at random), `trained_on_` (their fingerprints), `seed_`, `n_features_in_`,
    `feature_names_in_`.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:200]
    >>> vae = VariationalAutoencoder(latent_dim=2, width=8, random_state=0).fit(X)
    >>> print(vae.schema_)
    64 columns of whole numbers from 0 to 16
    >>> vae.likelihood_
    'whole numbers from 0 to 16: BetaBinomial'
    >>> vae.transform(X).shape, vae.score_samples(X).shape, vae.sample(3).shape
    ((200, 2), (200,), (3, 64))
    """

    trained_on_: TrainedOn

    def __init__(
        self,
        latent_dim: int = 10,
        *,
        likelihood: str = default("likelihood"),
        binarize: str | None = None,
        posterior: str = default("posterior"),
        prior: str = default("prior"),
        network: str = default("network"),
        image_shape: tuple[int, ...] | None = None,
        width: int = 256,
        depth: int = 2,
        activation: Activation = "swish",
        objective: str | Objective = _OBJECTIVE,
        beta: float = 1.0,
        gradient: str = default("gradient"),
        epochs: float | None = None,
        batch_size: int = defaults.BATCH_SIZE,
        learning_rate: float = defaults.LEARNING_RATE,
        precision: str | None = None,
        validation: float = defaults.VALIDATION,
        patience: float | None = defaults.PATIENCE,
        evidence_error: float = ERROR,
        evidence_samples: int = SAMPLES,
        evidence_method: Method = "auto",
        contamination: float = 0.1,
        missing: bool = False,
        random_state: Any = None,
    ):
        self.latent_dim = latent_dim
        self.likelihood = likelihood
        self.binarize = binarize
        self.posterior = posterior
        self.prior = prior
        self.network = network
        self.image_shape = image_shape
        self.width = width
        self.depth = depth
        self.activation = activation
        self.objective = objective
        self.beta = beta
        self.gradient = gradient
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.precision = precision
        self.validation = validation
        self.patience = patience
        self.evidence_error = evidence_error
        self.evidence_samples = evidence_samples
        self.evidence_method = evidence_method
        self.contamination = contamination
        self.missing = missing
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Choose the likelihood, train, and keep the model that is best on held-back rows."""
        rows = self._begin(X)
        # Of a handful of rows none can be spared.
        validation = self.validation if round(self.validation * len(rows)) < len(rows) - 1 else 0
        result = self._trained(
            rows,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            validation=validation,
            patience=self.patience,
        )
        if (gain := result.gain_at_the_end) > 1e-3 * max(abs(result.history[-1]["bound"]), 1.0):
            epochs = result.history[-1]["epoch"]
            words = f"the bound still rose by {gain:.3g} nats a row in the last tenth of {epochs:.0f} epochs"
            warnings.warn(f"{words}: raise epochs, or learning_rate", ConvergenceWarning, stacklevel=2)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """One pass over `X` at a constant rate, going on from what is fitted; the first call chooses the
        likelihood, as `fit` does. No rows are held back and none is remembered."""
        begun = hasattr(self, "model_")
        rows = self._rows(self._validated(X)) if begun else self._begin(X, all_columns=True)
        state: State | None = getattr(self, "state_", None)
        passes: int = getattr(self, "n_iter_", 0)
        before = self.trained_on_ if begun else TrainedOn()
        result = self._trained(
            rows,
            epochs=1,
            optimizer=constant_adam(self.learning_rate),
            validation=0,
            resume=None if state is None else state.afresh(jax.random.key(self.seed_ + passes)),
        )
        self.n_iter_ = passes + 1
        self.trained_on_ = TrainedOn(
            np.concatenate([before.train, self.trained_on_.train]), before.validation
        )
        self.state_ = as_numpy(result.state)
        return self

    def _begin(self, X: Any, all_columns: bool = False) -> Rows:
        """The first rows, whose columns say what there is; with `all_columns`, of which later rows may hold
        what these do not, all of them are kept as they are."""
        read = taken(self, X, reset=True, ensure_min_samples=2, ensure_all_finite=self._finite)
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        counted = row_of(self.likelihood, "likelihood").over in (COUNTS, LEVELED)
        self.schema_, rows = described(
            read,
            "X",
            image_shape=None if self.image_shape is None else tuple(self.image_shape),
            missing=self.missing,
            counts=all_columns or counted,
        )
        built = build(
            rows,
            likelihood=self.likelihood,
            binarize=self.binarize,
            posterior=self.posterior,
            prior=self.prior,
            network=self.network,
            latent_dim=self.latent_dim,
            width=self.width,
            depth=self.depth,
            activation=self.activation,
            key=self.seed_,
        )
        self.model_, self.likelihood_ = built.model, built.words
        self.__dict__.pop("state_", None)
        self.__dict__.pop("n_iter_", None)
        return rows

    def _trained(self, rows: Rows, **options: Any) -> Result:
        """Train the model further. Fitted state is NumPy: it pickles, and holds on to no device."""
        result = fit(
            self.model_,
            rows,
            objective=objective_named(self.objective, self.beta, self.gradient),
            batch_size=self.batch_size,
            precision=self.precision,
            key=self.seed_,
            **options,
        )
        self.model_ = as_numpy(result.model)
        self.history_ = result.history
        self.n_iter_ = max(1, round(result.history[-1]["epoch"])) if result.history else 1
        chosen_on = rows.x[:0] if result.validation_rows is None else rows.x[result.validation_rows]
        self.trained_on_ = TrainedOn(*map(fingerprints, (rows.x[result.train_rows], chosen_on)))
        # Rows of a file may be in an order: some of all of them are looked at.
        some = np.random.default_rng(self.seed_).permutation(len(rows))[:_KEPT]
        self.train_log_prob_ = np.sort(self._log_prob(rows[some]))
        self.offset_ = self.threshold(self.contamination)
        return result

    def transform(self, X: Any) -> np.ndarray:
        """The posterior means E[z∣x], (n, latent_dim): deterministic."""
        read = self._validated(X)
        return encode(self.model_, self._rows(read), key=self.seed_).astype(float_type(read))

    def inverse_transform(self, Z: Any) -> Any:
        """The likelihood means E[x∣z], (n, n_features), in the data's own units; of a table with categories
        a frame, with the most probable level of each."""
        check_is_fitted(self)
        Z = check_array(Z)
        if Z.shape[1] != self._n_features_out:
            found = f"Z has {Z.shape[1]} columns"
            raise ValueError(f"{found}, but the model has {self._n_features_out} latent dimensions")
        means = given_back(self.schema_, decode(self.model_, Z))
        return means if self.schema_.mixed else means.astype(Z.dtype if Z.dtype == np.float32 else float)

    def reconstruct(self, X: Any) -> Any:
        """`inverse_transform(transform(X))`."""
        return self.inverse_transform(self.transform(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """Log p(x) of each row in nats, in the units of X, to an error of `evidence_error`; higher is
        better. A row's
        number does not depend on the other rows."""
        return self._log_prob(self._rows(self._validated(X)))

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of log p(x) over rows, in nats a row."""
        return float(self.score_samples(X).mean())

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples(X) − offset_`, in nats: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """−1 for outliers, rows with a log p(x) below `offset_`, and 1 for the rest."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def threshold(self, quantile: float) -> float:
        """The log p(x), in nats, below which this share of the training rows lies."""
        check_is_fitted(self)
        if not 0 <= quantile <= 1:
            raise ValueError(f"threshold: expected a share between 0 and 1, found {quantile}")
        # One of their numbers, since between −∞ and a number there is none.
        return float(np.quantile(self.train_log_prob_, quantile, method="higher"))

    def sample(self, n_samples: int = 1, *, mean: bool = False, random_state: Any = None) -> Any:
        """Generated observations, (n_samples, n_features), others at every call unless `random_state` is
        given; with `mean` the likelihood's means. Of a table with categories a frame of the kind that `fit`
        was given."""
        check_is_fitted(self)
        seed = check_random_state(random_state).randint(2**31 - 1)
        return given_back(self.schema_, sample(self.model_, n_samples, key=int(seed), mean=mean))

    def impute(
        self,
        X: Any,
        *,
        draws: int | None = None,
        samples: int = 1000,
        mean: bool = False,
        random_state: Any = None,
    ) -> Any:
        """X with its missing values (NaN) drawn from p(x_missing∣x_observed), `draws` times, (draws, n, d),
        where that is given, or, with `mean`, at their conditional means; needs `missing=True`. What is drawn
        for a row is a function of the row and the seed; `samples` as in [`lowerbound.impute`][]."""
        read = self._validated(X)
        seed = self.seed_ if random_state is None else check_random_state(random_state).randint(2**31 - 1)
        rows = self._rows(read)
        filled = impute(self.model_, rows, draws=draws, samples=samples, mean=mean, key=int(seed))
        if self.schema_.mixed:
            frames = [completed(self.schema_, read, x) for x in ([filled] if draws is None else filled)]
            return frames[0] if draws is None else frames
        X, own = np.asarray(read.arrays).T, self.schema_.in_own_units(filled.reshape(-1, rows.x.shape[1]))
        own = own.astype(float_type(read)).reshape(*filled.shape[:-1], read.width)
        return np.where(np.isnan(X), own, X)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the fitted estimator into the folder `path`; `lowerbound.load(path)` gives it back."""
        save(self, path, overwrite=overwrite)

    def stored(self) -> dict[str, Any]:
        """What is kept of a fitted estimator: settings, model, and what was found and measured."""
        check_is_fitted(self)
        fitted = {name: getattr(self, name) for name in _FITTED if hasattr(self, name)}
        if "feature_names_in_" in fitted:
            fitted["feature_names_in_"] = list(fitted["feature_names_in_"])
        fitted["schema_"] = self.schema_.to_json()
        settings = {**self.get_params(), "random_state": self.seed_, "activation": name_of(self.activation)}
        return {
            "settings": settings,
            "fitted": fitted,
            "model": self.model_,
            "train_log_prob": self.train_log_prob_,
            "trained_on": self.trained_on_._asdict(),
        }

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> Self:
        """The estimator of which [`stored`][] gave this."""
        estimator = cls(**kept["settings"])
        for name, value in kept["fitted"].items():
            if name not in _FITTED:
                raise ValueError(f"unknown fitted attribute {name!r}")
            setattr(estimator, name, value)
        if "feature_names_in_" in kept["fitted"]:
            estimator.feature_names_in_ = np.asarray(estimator.feature_names_in_, dtype=object)
        estimator.schema_ = Schema.from_json(kept["fitted"]["schema_"])
        estimator.model_ = as_numpy(kept["model"])
        estimator.train_log_prob_ = kept["train_log_prob"]
        estimator.trained_on_ = TrainedOn(**kept["trained_on"])
        return estimator

    def _log_prob(self, rows: Rows) -> np.ndarray:
        budget: dict[str, Any] = {"samples": self.evidence_samples, "error": self.evidence_error}
        evidence = log_evidence(self.model_, rows, method=self.evidence_method, key=self.seed_, **budget)
        return evidence.log_prob.astype(np.float64)

    def _rows(self, read: Columns) -> Rows:
        """Rows as the model sees them, by the schema of those that it was fitted to."""
        return self.schema_.rows(read, name="X")

    def _validated(self, X: Any) -> Columns:
        check_is_fitted(self)
        return taken(self, X, reset=False, ensure_all_finite=self._finite)

    @property
    def _finite(self) -> bool | str:
        """What scikit-learn is to check: NaN passes where it means missing."""
        return "allow-nan" if self.missing else True

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.p_z().event_shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


_FITTED = (
    *("schema_", "likelihood_", "n_iter_", "offset_", "seed_", "history_"),
    *("n_features_in_", "feature_names_in_"),
)
