"""The whole library behind scikit-learn's interface: the verbs of a fitted estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, DensityMixin, OutlierMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from lowerbound.anomalies.surprise import surprise
from lowerbound.conformal import conformal_p_values, flag
from lowerbound.data.rows import Rows
from lowerbound.data.tables import Columns
from lowerbound.estimator.filled import indexed
from lowerbound.estimator.frames import by_column, completed, float_type, given_back, of_levels, taken
from lowerbound.estimator.named import is_named, table_named
from lowerbound.estimator.trained import Trained
from lowerbound.inference.codes import decode, encode
from lowerbound.inference.condition import Condition
from lowerbound.inference.imputation import Imputation, impute, imputed
from lowerbound.inference.sampling import sample, sample_given

__all__ = ["VariationalAutoencoder"]


class VariationalAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, DensityMixin, Trained
):
    """A variational auto-encoder as a scikit-learn estimator: transformer, density and outlier detector.

    Rows are looked at and the likelihood chosen (`likelihood="auto"`): 0 and 1 → Bernoulli; whole numbers
    up to 64 → BetaBinomial; real numbers → Gaussian, standardised, with a learned scale a column; in a table
    with text, or with numbers that repeat, each column by its kind. A frame with text is given back as such.
    What was found is in `schema_`, and what was chosen in `likelihood_`, in words; later rows are read the
    same way.

    **Arguments:**

    - `latent_dim`: latent dimensions.
    - `likelihood`: `auto`, or one of `lowerbound.parts.names("likelihood")`, such as `negative-binomial`.
    - `binarize`: `dynamic`, `static` or `threshold`, for grey values; `None`.
    - `posterior`: a family over z, one of `lowerbound.parts.names("posterior")`; `prior`: one of
      `lowerbound.parts.names("prior")`, such as `vamp-prior`, over the same set.
    - `network`: `mlp`, or `conv` for rows that are images of `image_shape`, (height, width[, channels]), or
      what reads the text of a table: `sequence-conv`, `sequence-gru` or `sequence-attention`.
    - `width`, `depth`, `activation`: of the networks, as in [`MLP`][]; an estimator that is to be pickled
      takes the activation's name, for JAX's functions cannot be.
    - `objective`: `elbo` with the weight `beta` of its KL, or one of
      `lowerbound.parts.names("objective")`, such as `iwae`; `gradient`: its estimator, such as
      `doubly-reparameterized`. Or an objective itself, such as `IWAE(10)`, which has both.
    - `warm_up`: steps in which `beta` rises from 0 to what it is, so that z is put to use; by default, where
      a row has text, half of all, at most 4,000, else 0.
    - `free_nats`: nats of a row's KL that cost nothing: z is used at least so much, at a cost in the bound.
    - `column_weights`: what columns' terms of log p(x∣z) count in the ELBO, {"logP": 10}, 1 of the others;
      what is called the bound stays that of all columns alike.
    - `targets`: columns that the encoder does not see, ("logP",): properties that the code of the others
      tells, and that may be missing in many rows, or in all that come later; one may be named alone.
    - `window`: how many tokens before each the decoder of a text sees; the fewer, the more has to come
      through z.
    - `epochs`: passes over the rows, `None` for as many as make 4,000 steps, 40 to 400.
    - `batch_size`, `learning_rate`, `precision`, `validation` (a share of the rows), `patience` (epochs, or
      [`Patience`][]): as in [`lowerbound.fit`][].
    - `evidence_error`: of log p(x) of a row, in nats: samples are drawn until it is below, at most
      `evidence_samples`; `evidence_method`: as the `method` of [`lowerbound.log_evidence`][].
    - `contamination`: what `predict` calls outliers: with a number, that share of the rows that `fit` was
      given; by default those whose p-value is at most 0.1, a tenth of new usual rows in the mean.
    - `contaminated`: that the rows of `fit` hold anomalies, which a model of all of them may have learned:
      outliers are then told by a [`Panel`][lowerbound.anomalies.panel.Panel] of densities, of which the
      lowest counts; log p(x) stays that of the model.
    - `calibration`: a share of the rows, at most 1,000 of them, or a number of rows, that neither train nor
      choose the model, for `p_values`, `flag` and `threshold`; fewer than 9 are not kept back. 0 for none.
    - `missing`: whether NaN in X stands for a value that was not observed; log p(x) is then that of the
      observed values, and [`impute`][] draws the rest.
    - `kinds`: what some columns are, where the guess is wrong, {"zip": "category"}, or a schema that says it,
      as in [`Schema.of`][lowerbound.data.schema.Schema.of]; `unseen`: what becomes of a level that a category
      never had, `refuse` (its row has probability 0) or `missing`.
    - `missing_mechanism`: `at-random`, where that a value is missing says nothing of it, given what was
      observed; or `self-masking`: a number may be missing because of what it is, and log p(x) is that of
      what was observed and of what was not ([`SelfMasking`][lowerbound.families.masking.SelfMasking]);
      `self-masking-high` or `self-masking-low` where it is known which values are missing more often.
    - `memory`: rows may be handed by the name of their source, a path or a pattern, `"data/*.parquet"`; those
      that take more than this when they are encoded, `"2 GB"`, are encoded once into a file and read from
      there ([`Memory`][lowerbound.data.mapped.memory.Memory] says where). Tables of such rows (`impute`,
      `surprise`) are not given.
    - `random_state`: all randomness follows from it.

    **Fitted:** `model_` (a [`VAE`][]), `schema_` (a [`Schema`][]), `likelihood_`, `history_`, `n_iter_`
    (epochs), `offset_` (the log p(x) below which a row is an outlier), `calibration_scores_` (of the
    calibration rows, sorted), `trained_on_` (the fingerprints of the rows that trained and that chose the
    model), `seed_`, `n_features_in_`, `feature_names_in_`.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:200]
    >>> quick = {"epochs": 4, "evidence_method": "importance", "evidence_samples": 10}
    >>> vae = VariationalAutoencoder(latent_dim=2, width=8, random_state=0, **quick).fit(X)
    >>> print(vae.schema_)
    64 columns of whole numbers from 0 to 16
    >>> vae.likelihood_
    'whole numbers from 0 to 16: BetaBinomial'
    >>> vae.transform(X).shape, vae.score_samples(X).shape, vae.sample(3).shape
    ((200, 2), (200,), (3, 64))
    """

    def transform(self, X: Any) -> np.ndarray:
        """The posterior means E[z∣x], (n, latent_dim): deterministic."""
        return self._codes(X)

    def inverse_transform(self, Z: Any) -> Any:
        """The likelihood means E[x∣z], (n, n_features), in the data's own units; of a table with categories
        a frame, with the most probable level of each, and the index of `Z` where that is a frame of pandas.
        """
        check_is_fitted(self)
        codes, Z = Z, check_array(Z)
        if Z.shape[1] != self._n_features_out:
            found = f"Z has {Z.shape[1]} columns"
            raise ValueError(f"{found}, but the model has {self._n_features_out} latent dimensions")
        means = given_back(self.schema_, decode(self.model_, Z), like=codes)
        return means.astype(Z.dtype if Z.dtype == np.float32 else float) if self.schema_.numeric else means

    def reconstruct(self, X: Any, *, steps: int = 0) -> Any:
        """`inverse_transform(transform(X))`, of a frame of pandas with its index; with `steps`, of codes that
        are fitted to each row in place of E[z∣x], as [`lowerbound.encode`][] has them."""
        return indexed(self.inverse_transform(self._codes(X, steps)), X)

    def _codes(self, X: Any, steps: int = 0) -> np.ndarray:
        if is_named(X):
            return encode(self.model_, self._rows_of(X), steps=steps, key=self.seed_)
        read = self._validated(X)
        return encode(self.model_, self._rows(read), steps=steps, key=self.seed_).astype(float_type(read))

    def score_samples(self, X: Any) -> np.ndarray:
        """Log p(x) of each row in nats, in the units of X, to an error of `evidence_error`; higher is
        better. A row's number does not depend on the other rows."""
        return self._log_prob(self._rows_of(X))

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of log p(x) over rows, in nats a row."""
        return float(self.score_samples(X).mean())

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples(X) − offset_`, in nats: negative for outliers. With `contaminated`, the score of the
        [`Panel`][lowerbound.anomalies.panel.Panel] − `offset_`, in interquartile ranges."""
        return self.usualness(self._rows_of(X)) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """−1 for outliers, rows with a score below `offset_`, and 1 for the rest."""
        return np.where(self.usualness(self._rows_of(X)) < self.offset_, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """The conformal p-value of each row, (n,), by its log p(x) against those of the calibration rows
        ([`conformal_p_values`][]): of a new usual row it is at most α with a probability of at most α. The
        least is 1/(calibration rows + 1).

        The model never learned from the calibration rows, but what the columns are (`schema_`) was found on
        them as well; for rows that are held back from that too there is [`lowerbound.p_values`][]. Of rows
        that `fit` was given p-values say nothing."""
        return conformal_p_values(self.usualness(self._rows_of(X)), self._calibration)

    def flag(self, X: Any, *, false_discovery_rate: float = 0.1) -> np.ndarray:
        """The rows that are anomalies, truth values (n,), such that of those flagged no more than this share
        are usual, in the mean ([`lowerbound.flag`][]); all rows of X are looked at together."""
        return flag(self.p_values(X), false_discovery_rate)

    def surprise(self, X: Any) -> np.ndarray:
        """−log p(xⱼ∣x_rest) of each column given the others, (n, n_features), in nats: why a row is odd
        ([`lowerbound.surprise`][], with its errors). NaN where a value is missing; 0 of a column that is
        left out, and ∞ where it holds a value that it never held. For some rows, as those flagged: each
        takes as long as `score_samples` of n_features rows."""
        read = self._validated(X)
        budget: dict[str, Any] = {"samples": self.evidence_samples, "error": self.evidence_error}
        nats = surprise(self.model_, self._rows(read), key=self.seed_, **budget).surprise
        return by_column(self.schema_, read, nats)

    def sample(
        self,
        n_samples: int = 1,
        *,
        given: Mapping[str, Any] | None = None,
        mean: bool = False,
        random_state: Any = None,
    ) -> Any:
        """Generated observations, (n_samples, n_features), others at every call unless `random_state` is
        given; with `mean` the likelihood's means; with `given`, {"income": ">50K"}, rows that have these
        values in these columns and the rest from p(x_rest∣x_given), as in [`lowerbound.sample`][]. Of a table
        with categories a frame of the kind that `fit` was given."""
        check_is_fitted(self)
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        if given is None:
            return given_back(self.schema_, sample(self.model_, n_samples, key=seed, mean=mean))
        condition = Condition.of(self.schema_, given)
        drawn = sample_given(self.model_, condition, n_samples, key=seed, mean=mean)
        return completed(self.schema_, condition.repeated(n_samples), drawn.x)

    def impute(
        self,
        X: Any,
        *,
        draws: int | None = None,
        samples: int = 1000,
        mean: bool = False,
        random_state: Any = None,
    ) -> Any:
        """X with its missing values (NaN) drawn from p(x_missing∣x_observed), `draws` times, (draws, n, d) or
        as many frames, where that is given, or, with `mean`, at their conditional means and most probable
        levels; of a frame such a frame, with its index and its columns' own types. Rows with holes may be
        handed to a model that never saw one. What is drawn for a row is a function of the row and the seed;
        `samples` as in [`lowerbound.impute`][]."""
        read, rows = self._with_holes(X)
        seed = self._seed(random_state)
        filled = impute(self.model_, rows, draws=draws, samples=samples, mean=mean, key=seed)
        if draws is None:
            return completed(self.schema_, read, filled, X)
        tables = [completed(self.schema_, read, x, X) for x in filled]
        return np.stack(tables) if read.form == "array" else tables

    def imputed(
        self,
        X: Any,
        *,
        draws: int = 1,
        interval: float = 0.9,
        calibration: Any = None,
        samples: int = 1000,
        random_state: Any = None,
    ) -> Imputation:
        """All that is known of the missing values of X, in tables such as X: means, draws, the ends of an
        interval a number, the probabilities of levels, effective sample sizes. An [`Imputation`][], with the
        arguments of [`lowerbound.imputed`][]."""
        read, rows = self._with_holes(X)
        seed = self._seed(random_state)
        known = None if calibration is None else self._with_holes(calibration)[1]
        found = imputed(
            self.model_,
            rows,
            draws=draws,
            interval=interval,
            calibration=known,
            samples=samples,
            key=seed,
        ).in_tables(lambda x: completed(self.schema_, read, x, X))
        return replace(found, probabilities=of_levels(self.schema_, found.probabilities, X))

    def _with_holes(self, X: Any) -> tuple[Columns, Rows]:
        """Rows in which NaN is a hole, whether or not those of `fit` had some."""
        check_is_fitted(self)
        read = taken(self, table_named(X), reset=False, ensure_all_finite="allow-nan")
        return read, self.schema_.taking_missing().rows(read, name="X")

    def _seed(self, random_state: Any) -> int:
        """What is drawn for a row is the same at every call, unless asked otherwise."""
        return (
            self.seed_ if random_state is None else int(check_random_state(random_state).randint(2**31 - 1))
        )

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.p_z().event_shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing or bool(self.targets)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
