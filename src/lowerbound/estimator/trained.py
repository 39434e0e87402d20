"""What a scikit-learn estimator is before its verbs: settings, training, and what is kept of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from lowerbound.anomalies.panel import LATENT_DIM, WIDTH, Panel
from lowerbound.archive.store import save
from lowerbound.archive.structure import Storable
from lowerbound.assembly import Built, build, objective_named, weights_of_columns
from lowerbound.baselines.comparison import TrainedOn
from lowerbound.baselines.traces import Traces
from lowerbound.conformal import conformal_threshold
from lowerbound.data.defaults import WINDOW
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.rows import Rows, rows_outside
from lowerbound.data.schema import Kinds, Schema, Unseen, described
from lowerbound.data.sources import Source
from lowerbound.data.tables import Columns
from lowerbound.estimator.frames import taken
from lowerbound.estimator.named import beyond_memory, is_named, rows_named, some_numbers, table_named
from lowerbound.evidence.defaults import ERROR, SAMPLES, Method
from lowerbound.evidence.ladder import log_evidence
from lowerbound.leaves import as_numpy
from lowerbound.models.vae import VAE
from lowerbound.networks.activations import Activation, name_of
from lowerbound.objectives.objective import Objective
from lowerbound.parts import COUNTS, LEVELED, Mechanism, default, row_of
from lowerbound.training import defaults
from lowerbound.training.checks import check_number
from lowerbound.training.fit import Result, fit
from lowerbound.training.optimizer import constant_adam
from lowerbound.training.patience import Patience
from lowerbound.training.plan import steps_of
from lowerbound.training.state import State

__all__ = ["Trained"]

_OBJECTIVE = default("objective")
# Rows whose log p(x) says where a share of all lies: within a hundredth.
_KEPT = 1_000
# The share of usual rows that are called outliers where nothing is said; the fewest calibration rows of which
# that is a p-value; the most that a share of the rows is.
_OUTLIERS, _FEWEST, _MOST = 0.1, 9, 1_000
_NONE = np.zeros(0)


class Trained(BaseEstimator, Storable):
    """The settings of an estimator, its training, and how it is kept: what its verbs stand on."""

    trained_on_: TrainedOn
    panel_: Panel | None

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
        warm_up: int | None = None,
        free_nats: float = 0.0,
        column_weights: Mapping[str, float] | None = None,
        targets: str | Sequence[str] = (),
        window: int = WINDOW,
        epochs: float | None = None,
        batch_size: int = defaults.BATCH_SIZE,
        learning_rate: float = defaults.LEARNING_RATE,
        precision: str | None = None,
        validation: float = defaults.VALIDATION,
        patience: float | Patience | None = defaults.PATIENCE,
        evidence_error: float = ERROR,
        evidence_samples: int = SAMPLES,
        evidence_method: Method = "auto",
        contamination: float | Literal["auto"] = "auto",
        contaminated: bool = False,
        calibration: float = 0.1,
        missing: bool = False,
        kinds: Kinds | None = None,
        unseen: Unseen = "refuse",
        missing_mechanism: Mechanism = "at-random",
        memory: Memory | str | int | None = None,
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
        self.warm_up = warm_up
        self.free_nats = free_nats
        self.column_weights = column_weights
        self.targets = targets
        self.window = window
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
        self.contaminated = contaminated
        self.calibration = calibration
        self.missing = missing
        self.kinds = kinds
        self.unseen = unseen
        self.missing_mechanism = missing_mechanism
        self.memory = memory
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Choose the likelihood, train, and keep the model that is best on held-back rows; others, held back
        as well, say what a usual row's log p(x) is.

        `sample_weight`, (n,), is how much each row counts in training and in the choice of the model: a
        weight of 2 as the row twice, whatever the weights' mean is. The rows that say what is usual count
        alike.
        """
        self._look(*self._learned(X, sample_weight))
        return self

    def learn(self, X: Any, sample_weight: Any = None) -> Self:
        """[`fit`][] without a look at what a usual row's log p(x) is: for the verbs that tell no outliers."""
        self._learned(X, sample_weight)
        self.panel_, self.calibration_scores_ = None, _NONE
        return self

    def _learned(self, X: Any, sample_weight: Any) -> tuple[Rows, np.ndarray]:
        """Train; the rows, and the numbers of those that were kept back."""
        rows = self._begin(X).weighted(sample_weight)
        kept_back, others = self._divided(rows)
        self._build(others)
        if not rows.mapped and len(kept_back) and rows_outside(self.model_, rows.x[kept_back]).any():
            # A value that the others lack belongs to what the columns are, and so to the likelihood.
            self._build(rows)
        # Of a handful of rows none can be spared.
        validation = (
            self.validation if round(self.validation * others.taking_part) < others.taking_part - 1 else 0
        )
        result = self._trained(
            others,
            self.epochs,
            validation,
            learning_rate=self.learning_rate,
            patience=self.patience,
        )
        if (gain := result.gain_at_the_end) > 1e-3 * max(abs(result.history[-1]["bound"]), 1.0):
            epochs = result.history[-1]["epoch"]
            words = f"the bound still rose by {gain:.3g} nats a row in the last tenth of {epochs:.0f} epochs"
            warnings.warn(f"{words}: raise epochs, or learning_rate", ConvergenceWarning, stacklevel=3)
        return rows, kept_back

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """One pass over `X` at a constant rate, going on from what is fitted; the first call chooses the
        likelihood, as `fit` does. No rows are held back and none is remembered."""
        begun = hasattr(self, "model_")
        rows = self._rows(self._validated(X)) if begun else self._begin(X, all_columns=True)
        rows = rows.weighted(sample_weight)
        if not begun:
            self._build(rows)
        state: State | None = getattr(self, "state_", None)
        passes: int = getattr(self, "n_iter_", 0)
        before = self.trained_on_ if begun else TrainedOn()
        result = self._trained(
            rows,
            epochs=1,
            validation=0,
            optimizer=constant_adam(self.learning_rate),
            resume=None if state is None else state.afresh(jax.random.key(self.seed_ + passes)),
        )
        self.n_iter_ = passes + 1
        self.trained_on_ = TrainedOn(
            np.concatenate([before.train, self.trained_on_.train]), before.validation
        )
        self.state_ = as_numpy(result.state)
        self._look(rows, np.zeros(0, int))
        return self

    def _begin(self, X: Any, all_columns: bool = False) -> Rows:
        """The first rows, whose columns say what there is; with `all_columns`, of which later rows may hold
        what these do not, all of them are kept as they are."""
        beyond = None if all_columns else beyond_memory(X, self.memory, self.kinds)
        if beyond is not None:
            return self._begun_beyond(beyond)
        X = table_named(X)
        read = taken(self, X, reset=True, ensure_min_samples=2, ensure_all_finite=self._finite)
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.schema_, rows = described(
            read,
            "X",
            image_shape=None if self.image_shape is None else tuple(self.image_shape),
            missing=self.missing or bool(self.targets),
            counts=all_columns or row_of(self.likelihood, "likelihood").over in (COUNTS, LEVELED),
            kinds=self.kinds,
            unseen=self.unseen,
        )
        self.schema_ = self.schema_.telling(self.targets)
        self.__dict__.pop("state_", None)
        self.__dict__.pop("n_iter_", None)
        return replace(rows, schema=self.schema_)

    def _begun_beyond(self, source: Source) -> Rows:
        """The same of rows beyond memory, which are encoded."""
        if self.contaminated:
            raise ValueError(f"contaminated: expected rows held in memory, found {source.name} beyond it")
        assert source.schema is not None  # one is found where rows are encoded
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.schema_ = source.schema.letting(self.unseen).telling(self.targets)
        self.n_features_in_ = len(self.schema_.columns)
        for name in ("state_", "n_iter_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        if self.schema_.named:
            self.feature_names_in_ = np.asarray(self.schema_.names, dtype=object)
        return replace(source.rows, schema=self.schema_)

    def _divided(self, rows: Rows) -> tuple[np.ndarray, Rows]:
        """The numbers of the rows that are kept back to calibrate, and the others, drawn at random since
        rows may be in an order; none are kept where they would be too few to tell an outlier by."""
        n = len(rows)
        expected = "a share of the rows in [0, 1), or a number of them that leaves at least 2"
        check_number("calibration", self.calibration, expected, lambda value: 0 <= value < max(n - 1, 1))
        asked = self.calibration if self.calibration >= 1 else min(self.calibration * n, _MOST)
        count = round(asked) if round(asked) >= _FEWEST else 0
        random = np.random.default_rng(self.seed_)
        if rows.mapped:
            kept_back = np.sort(some_numbers(random, n, count))
            return kept_back, rows.keeping_back(kept_back)
        order = random.permutation(n)
        return np.sort(order[:count]), rows[np.sort(order[count:])]

    def _build(self, rows: Rows) -> None:
        """The untrained model for these rows."""
        built = self._built(rows, latent_dim=self.latent_dim, width=self.width, key=self.seed_)
        self.model_, self.likelihood_ = built.model, built.words

    def _built(self, rows: Rows, **size: Any) -> Built:
        return build(
            rows,
            likelihood=self.likelihood,
            binarize=self.binarize,
            posterior=self.posterior,
            prior=self.prior,
            network=self.network,
            depth=self.depth,
            activation=self.activation,
            missing_mechanism=self.missing_mechanism,
            window=self.window,
            **size,
        )

    def _trained(self, rows: Rows, epochs: float | None, validation: float, **options: Any) -> Result:
        """Train the model further. Fitted state is NumPy: it pickles, and holds on to no device."""
        steps = steps_of(rows.taking_part, self.batch_size, epochs, validation)
        objective = objective_named(
            self.objective,
            self.beta,
            self.gradient,
            self.model_,
            weights_of_columns(self.column_weights, self.schema_),
            self.warm_up,
            steps,
            self.free_nats,
        )
        result = fit(
            self.model_,
            rows,
            objective=objective,
            epochs=epochs,
            batch_size=self.batch_size,
            validation=validation,
            precision=self.precision,
            key=self.seed_,
            **options,
        )
        self.model_ = as_numpy(result.model)
        self.history_ = result.history
        self.n_iter_ = max(1, round(result.history[-1]["epoch"])) if result.history else 1
        self.trained_on_ = Traces.of(rows, result.train_rows, result.validation_rows).trained_on
        return result

    def _look(self, rows: Rows, kept_back: np.ndarray) -> None:
        """How odd the rows are that were kept back, and from where on a row is an outlier."""
        random = np.random.default_rng(self.seed_)
        self.panel_ = None
        if self.contaminated:
            others = rows[np.setdiff1d(np.arange(len(rows)), kept_back)]
            some = random.permutation(len(others))[:_KEPT]
            size = {"latent_dim": min(LATENT_DIM, self.latent_dim), "width": min(WIDTH, self.width)}
            small = self._built(others, **size, key=self.seed_).model
            self.panel_ = Panel.of(others, some, self._log_prob(others[some]), small, self.seed_)
        self.calibration_scores_ = np.sort(self.usualness(rows[kept_back])) if len(kept_back) else _NONE
        if self.contamination == "auto" and len(kept_back):
            self.offset_ = conformal_threshold(self.calibration_scores_, _OUTLIERS)
            return
        share = _OUTLIERS if self.contamination == "auto" else self.contamination
        check_number("contamination", share, "auto, or a share in [0, 1]", lambda value: 0 <= value <= 1)
        some = some_numbers(random, len(rows), _KEPT)
        # One of their numbers, since between −∞ and a number there is none.
        self.offset_ = float(np.quantile(self.usualness(rows[some]), share, method="higher"))

    def usualness(self, rows: Rows) -> np.ndarray:
        """What outliers have little of: log p(x), or, of contaminated rows, what the panel says."""
        log_prob = self._log_prob(rows)
        return log_prob if self.panel_ is None else self.panel_.scores(rows, log_prob)

    def threshold(self, level: float) -> float:
        """The log p(x), in nats, below which at most this share of new usual rows lies, in the mean: that
        of the calibration rows at which a p-value is `level` ([`conformal_threshold`][]). With
        `contaminated` it is a score of the panel."""
        return conformal_threshold(self._calibration, level)

    @property
    def _calibration(self) -> np.ndarray:
        check_is_fitted(self)
        if not len(self.calibration_scores_):
            raise ValueError(
                "calibration: expected rows that were kept back, found none; fit with a number of rows, or a "
                f"share of them that makes {_FEWEST} (partial_fit keeps none back)"
            )
        return self.calibration_scores_

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
        # How much memory there is belongs to a machine.
        settings = {
            **self.get_params(),
            "memory": None,
            "random_state": self.seed_,
            "activation": name_of(self.activation),
        }
        return {
            "settings": settings,
            "fitted": fitted,
            "model": self.model_,
            "calibration_scores": self.calibration_scores_,
            "trained_on": self.trained_on_._asdict(),
            "panel": None if self.panel_ is None else self.panel_.stored(),
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
        if not isinstance(kept["model"], VAE):
            raise ValueError(f"model: expected a VAE, found {type(kept['model']).__name__}")
        estimator.model_ = as_numpy(kept["model"])
        estimator.calibration_scores_ = np.asarray(kept["calibration_scores"], np.float64)
        estimator.trained_on_ = TrainedOn.of(kept["trained_on"])
        estimator.panel_ = None if kept["panel"] is None else Panel.restored(kept["panel"])
        return estimator

    def _log_prob(self, rows: Rows) -> np.ndarray:
        budget: dict[str, Any] = {"samples": self.evidence_samples, "error": self.evidence_error}
        evidence = log_evidence(self.model_, rows, method=self.evidence_method, key=self.seed_, **budget)
        return evidence.log_prob.astype(np.float64)

    def _rows_of(self, X: Any) -> Rows:
        """Rows of whatever form, or of a source by its name, by that schema."""
        if not is_named(X):
            return self._rows(self._validated(X))
        check_is_fitted(self)
        return rows_named(X, self.memory, self.schema_).rows

    def _rows(self, read: Columns) -> Rows:
        """Rows as the model sees them, by the schema of those that it was fitted to."""
        return self.schema_.rows(read, name="X")

    def _validated(self, X: Any) -> Columns:
        check_is_fitted(self)
        return taken(self, table_named(X), reset=False, ensure_all_finite=self._finite)

    @property
    def _finite(self) -> bool | str:
        """What scikit-learn is to check: NaN passes where it means missing."""
        return "allow-nan" if self.missing or self.targets else True


_FITTED = (
    *("schema_", "likelihood_", "n_iter_", "offset_", "seed_", "history_"),
    *("n_features_in_", "feature_names_in_"),
)
