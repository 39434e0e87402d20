"""All scores of tables whose truth is known: independent columns, rows of the same distribution, copies."""

import numpy as np
import pandas as pd
import pytest

import lowerbound as lb


def table(n, seed):
    """A number, and a level with holes and a number that follow it."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    frame = pd.DataFrame({"x": x, "kind": np.where(x + random.normal(0, 0.3, n) > 0, "a", "b"), "y": x})
    frame["y"] += random.normal(0, 0.3, n)
    frame.loc[:: 10 if n > 20 else n, "kind"] = None
    return frame


@pytest.fixture(scope="module")
def judged():
    train, held_out, fresh = (table(400, seed) for seed in range(3))
    random = np.random.default_rng(3)
    shuffled = fresh.apply(lambda column: random.permutation(column))
    return {
        name: lb.synthetic_quality(drawn, train, held_out, target="kind")
        for name, drawn in {"fresh": fresh, "independent": shuffled, "copies": train}.items()
    }


@pytest.mark.thorough
def test_independent_columns_win_margins_and_lose_the_rest(judged):
    fresh, independent = judged["fresh"], judged["independent"]
    assert independent.shape.value == pytest.approx(fresh.shape.value)
    assert fresh.trend.value - independent.trend.value > 10 * independent.trend.standard_error
    assert fresh.c2st.value > 0.8 > 0.5 > independent.c2st.value
    assert abs(independent.transfer.on_synthetic.value - 0.5) < 0.2 < fresh.transfer.on_synthetic.value - 0.5


@pytest.mark.thorough
def test_copies_are_seen_and_nothing_else_is(judged):
    assert judged["copies"].nearer_to_training.value == 1
    for name in ("fresh", "independent"):
        share = judged[name].nearer_to_training
        assert abs(share.value - 0.5) < 4 * share.standard_error
    assert judged["copies"].transfer.difference.value == 0


@pytest.mark.thorough
def test_words_name_the_worst_column_and_pair(judged):
    words = str(judged["independent"])
    assert words.startswith("400 synthetic rows beside 400 real rows")
    assert "least x and y" in words
    assert "AUROC of kind" in words


def test_what_cannot_be_judged_is_refused():
    few = table(20, 0)
    with pytest.raises(lb.DataError, match="synthetic: expected at least 20 rows, found 5"):
        lb.synthetic_quality(few[:5], few)
    with pytest.raises(lb.DataError, match="held_out: expected real rows, on which 'kind' is foretold"):
        lb.synthetic_quality(few, few, target="kind")
