"""Rows given some of their columns, against exact conditionals and against rejection."""

import numpy as np
import pytest
from scipy import stats

import lowerbound as lb
from lowerbound.inference import sampling
from lowerbound.inference.condition import Condition
from lowerbound.inference.sampling import sample_given

from .linear_gaussian import affine
from .test_imputed import TestLevels as Levels
from .test_imputed import model
from .test_missing import COVARIANCE, B, D, K, exact, rng

N = 4000
TABLE = rng.multivariate_normal(B, COVARIANCE, 50)
SCHEMA = lb.Schema.of(TABLE)
GIVEN = {"x0": float(B[0] + 2), "x2": float(B[2] - 1)}
LEVELS = np.array([["a", "one", 0.5], ["b", "two", 1.5], ["a", "zero", 0.25]] * 6, object)


def gaussian(mean, scale):
    """One that takes no missing value."""
    return model(mean, scale, missing=False, schema=SCHEMA)


@pytest.mark.thorough
@pytest.mark.parametrize("encoder", [([0.0, 0.0], 1.0), ([3.0, -3.0], 0.05)], ids=["plain", "far off"])
def test_the_rest_follows_the_exact_conditional(encoder):
    """Means within 5 standard errors of n rows and ESS samples of z, variances within 5 of √(2/n + 2/ESS);
    whatever the encoder is worth, and though the model knows of no holes."""
    drawn = sample_given(gaussian(*encoder), Condition.of(SCHEMA, GIVEN), N, key=0)
    row = np.array([GIVEN["x0"], np.nan, GIVEN["x2"], np.nan])
    _, mean, covariance = exact(row)
    rest, variance = drawn.x[:, [1, 3]], np.diag(covariance)
    share = 1 / N + 1 / drawn.effective_sample_size
    assert (abs(rest.mean(0) - mean) < 5 * np.sqrt(variance * share)).all()
    assert (abs(rest.var(0) - variance) < 5 * variance * np.sqrt(2 * share)).all()
    correlation = np.corrcoef(rest.T)[0, 1] - covariance[0, 1] / np.sqrt(variance.prod())
    assert abs(correlation) < 5 * np.sqrt(share)
    assert drawn.effective_sample_size >= N


@pytest.mark.thorough
def test_what_is_given_comes_back_to_the_bit():
    rows = lb.sample(gaussian([0.0, 0.0], 1.0), 20, key=0, given=GIVEN)
    assert (rows[:, [0, 2]] == [GIVEN["x0"], GIVEN["x2"]]).all()
    assert len(np.unique(rows[:, 1])) == 20
    means = lb.sample(gaussian([0.0, 0.0], 1.0), 20, key=0, given=GIVEN, mean=True)
    assert means[:, [1, 3]].var() < rows[:, [1, 3]].var()


def leveled():
    """The code of three states and its two columns of levels; of whole numbers 0, 1, 2 in z."""
    schema = lb.Schema.of(_frame(LEVELS))
    return lb.VAE(
        *(getattr(Levels.model(), name) for name in ("prior", "posterior", "likelihood")), schema=schema
    )


def _frame(cells):
    import pyarrow

    first, second, number = cells.T
    return pyarrow.table({"first": list(first), "second": list(second), "number": number.astype(float)})


class TestCodes:
    """z has three values: p(second∣first) is Bayes' theorem on a table of nine numbers."""

    @pytest.mark.thorough
    def test_levels_follow_the_exact_conditional(self):
        """χ² of the three counts below its quantile at 1 − 10⁻⁶, with n/(1 + n/ESS) effective counts."""
        model = leveled()
        for level, name in enumerate(("a", "b")):
            drawn = sample_given(model, Condition.of(model.schema, {"first": name}), N, key=level)
            assert (drawn.x[:, 0] == level).all()
            count = np.bincount(drawn.x[:, 1].astype(int), minlength=3)
            of_z = Levels.FIRST[:, level] / Levels.FIRST[:, level].sum()
            expected = N * of_z @ Levels.SECOND
            shrink = 1 / (1 + N / drawn.effective_sample_size)
            assert shrink * ((count - expected) ** 2 / expected).sum() < stats.chi2(2).isf(1e-6)

    def test_rejection_from_the_same_model_says_the_same(self):
        model = leveled()
        drawn = sample_given(model, Condition.of(model.schema, {"second": "zero"}), N, key=3)
        table = lb.sample(model, 12_000, key=4)
        kept = table[table[:, 1] == 2, 0]
        share = 1 / len(kept) + 1 / N + 1 / drawn.effective_sample_size
        assert abs(drawn.x[:, 0].mean() - kept.mean()) < 5 * np.sqrt(0.25 * share)

    def test_a_number_may_be_given_as_text(self):
        rows = lb.sample(leveled(), 5, key=0, given={"number": "0.25", "first": "b"})
        assert (rows[:, [0, 2]] == [1, 0.25]).all()

    def test_too_few_effective_samples_are_told(self, monkeypatch):
        """A number so far out that p(number∣z) is 0 in float32 leaves nothing; at most so many are drawn."""
        monkeypatch.setattr(sampling, "_MOST", 1)
        monkeypatch.setattr(sampling, "_MOST_A_ROW", 0)
        monkeypatch.setattr(sampling, "_FIRST", 0.001)
        with pytest.warns(
            UserWarning, match=r"are effective given these columns, for 30,000 rows: many share"
        ):
            lb.sample(leveled(), 30_000, key=0, given={"first": "b"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"third": 1}, r"given: expected columns of the model \(first, second, number\), found 'third'"),
        ({"first": "c"}, "given: expected one of a, b, found 'c' in column 'first'"),
        ({"number": "many"}, "given: expected a number, found 'many' in column 'number'"),
        ({"number": np.nan}, "given: expected one finite number, found nan in column 'number'"),
        ({"number": [1.0, 2.0]}, r"given: expected one finite number, found \[1.0, 2.0\] in column 'number'"),
        ({"number": 1e30}, "expected values on which the model has mass"),
    ],
)
def test_what_cannot_be_given_is_refused_with_what_can(given, message):
    with pytest.raises(lb.DataError, match=message):
        lb.sample(leveled(), 3, key=0, given=given)


def test_a_model_that_cannot_condition_says_why():
    full = lb.Conditional(affine(np.zeros((K, D + 10)), np.zeros(D + 10)), lb.FullGaussian(D))
    plain = gaussian([0.0, 0.0], 1.0)
    with pytest.raises(TypeError, match="FullGaussian: expected a family of independent columns"):
        lb.sample(lb.VAE(plain.prior, plain.posterior, full, schema=SCHEMA), 3, key=0, given=GIVEN)
    bare = lb.VAE(plain.prior, plain.posterior, plain.likelihood)
    with pytest.raises(ValueError, match="given names columns, and this model knows of no table"):
        lb.sample(bare, 3, key=0, given=GIVEN)
