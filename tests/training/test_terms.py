"""An objective's terms are whatever it names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.objectives.objective import END
from lowerbound.training.terms import named


class WithTerm(lb.Objective):
    """The ELBO, with the size of a sample, ‖z‖², as a term of its own."""

    name: str = "size"
    shape: tuple = ()

    def of_point(self, model, point, progress=END):
        value, terms = lb.ELBO().of_point(model, point, progress)
        size = (model.draw(point.x, point.keys).z ** 2).sum()
        return value, {**terms, self.name: jnp.broadcast_to(size, self.shape)}


@pytest.mark.thorough
def test_a_fifth_term_is_in_every_record(model, rows):
    seen = []
    result = lb.fit(model, rows, objective=WithTerm(), epochs=4, batch_size=32, callbacks=[seen.append])
    plain = lb.fit(model, rows, epochs=4, batch_size=32)
    for record, same in zip(result.history, plain.history, strict=True):
        assert 0 < record["size"] < 100
        assert 0 < record["validation_size"] < 100
        for name in ("objective", "bound", "kl", "log_likelihood", "validation_bound"):
            assert record[name] == pytest.approx(same[name], abs=1e-4)
    assert seen == result.history
    assert list(result.state.running) == ["bound", "kl", "log_likelihood", "objective", "size"]
    assert list(result.state.finite) == list(result.state.running)
    names = [name for name in seen[0] if name not in ("step", "epoch", "of_epochs")]
    assert names[0] == "objective"


@pytest.mark.thorough
def test_it_is_seen_when_it_is_not_finite(model, rows):
    class Infinite(WithTerm):
        def of_point(self, *arguments):
            value, terms = super().of_point(*arguments)
            return value, {**terms, "size": 1 / (terms["size"] * 0)}

    with pytest.warns(lb.TrainingWarning, match="size is not finite"):
        assert lb.fit(model, rows, objective=Infinite(), epochs=2).stopped == "not finite"


def test_a_batch_has_the_terms_of_a_data_point(model, rows):
    class OfBatch(lb.ELBO):
        def of_batch(self, *arguments):
            value, terms = super().of_batch(*arguments)
            return value, {**terms, "spread": value}

    with pytest.raises(ValueError, match=r"expected the terms of a data point, .* for a batch as well"):
        lb.fit(model, rows, objective=OfBatch(), epochs=1)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ({"name": "epoch"}, "a term is named 'epoch', which stands for something else"),
        ({"name": "validation_kl"}, "a term is named 'validation_kl'"),
        ({"shape": (2,)}, r"one number for the term 'size', found an array of shape \(2,\)"),
    ],
)
def test_a_term_that_no_record_can_hold_is_refused(model, term, message):
    with pytest.raises(ValueError, match=message):
        named(*WithTerm(**term).with_terms(model, np.ones(6), jax.random.key(0)))
