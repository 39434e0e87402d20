"""From rows and names to a model: what its parts see, and what does not go together."""

import jax.numpy as jnp
import numpy as np
import pyarrow
import pytest

import lowerbound as lb
from lowerbound.archive.records import AS_FOUND
from lowerbound.assembly import build
from lowerbound.cli.inputs import training_and_held_out
from lowerbound.data.errors import DataError
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source

from .words import TEXT, WORDS


@pytest.mark.parametrize("network", ["sequence-conv", "sequence-gru", "sequence-attention"])
def test_a_named_network_reads_the_text(network):
    """What it reads is all that the encoder sees of a text: the model has a code of each row, in which the
    text tells."""
    built = build(TEXT.rows(WORDS), latent_dim=2, width=8, network=network).model
    (reader,) = built.posterior.network.readers
    assert type(reader).__name__.lower() == network.replace("-", "")
    code = lb.encode(built, TEXT.rows(WORDS.slice(0, 2)))
    assert np.abs(code[0] - code[1]).max() > 1e-3
    assert built.posterior.network.network.in_size == 8 + lb.Features.inputs(
        levels=(0,), margins=built.posterior.network.margins
    )


def test_a_decoder_of_text_sees_as_many_tokens_as_is_said():
    """The third token is told the second alone by a window of 1, and the first as well by the usual one."""

    def says(**options):
        model = build(TEXT.rows(WORDS), latent_dim=2, width=8, **options).model
        (text,) = (each for each in model.likelihood.family.families if isinstance(each, lb.Autoregressive))
        h = jnp.ones(text.network.context_size)
        return [np.asarray(text.network(jnp.asarray(tokens), h))[2] for tokens in ([1, 2, 3], [2, 2, 3])]

    near, usual = says(window=1), says()
    np.testing.assert_array_equal(*near)
    assert np.abs(usual[0] - usual[1]).max() > 1e-3
    with pytest.raises(ValueError, match=r"CausalWindow\.window: .* found 0"):
        says(window=0)


def test_a_reader_of_text_needs_text():
    with pytest.raises(ValueError, match="network: sequence-gru reads text, found no column of tokens"):
        build(np.eye(3), network="sequence-gru")


HOUSES = pyarrow.table(
    {
        "colour": ["red", "green", "blue", "red"] * 5,
        "size": np.linspace(0.5, 2.5, 20).tolist(),
        "price": (np.linspace(1, 3, 20) ** 2).tolist(),
    }
)


class TestTargets:
    """Columns that the encoder does not see."""

    @pytest.fixture(scope="class")
    @staticmethod
    def priced():
        rows = Schema.of(HOUSES).telling("price").rows(HOUSES)
        return build(rows, latent_dim=2, width=8).model, rows.x

    def test_a_code_does_not_depend_on_them_but_on_the_others(self, priced):
        """To the bit, and where they were not observed; of each other column it is another code."""
        model, x = priced
        codes = lb.encode(model, x)
        for other in (9.5, np.nan):
            np.testing.assert_array_equal(lb.encode(model, _with(x, 2, other)), codes)
        for column, other in ((0, 2.0), (1, 9.5)):
            assert (np.abs(lb.encode(model, _with(x, column, other)) - codes)[1:2] > 1e-4).any()

    def test_their_likelihood_counts(self, priced):
        """log p(x∣z) has that of the price, which none has where it was not observed."""
        model, x = priced
        p = model.p_x(jnp.zeros(2))
        of_row, elsewhere, unobserved = (
            float(p.log_prob(jnp.asarray(_with(x[3], 2, price)))) for price in (x[3, 2], 500.0, np.nan)
        )
        assert of_row - elsewhere > 1
        assert abs(of_row - unobserved) > 0.01

    def test_a_saved_model_does_not_see_them_either(self, priced, tmp_path):
        model, x = priced
        lb.save(model, tmp_path)
        np.testing.assert_array_equal(lb.encode(lb.load(tmp_path), _with(x, 2, 7.0)), lb.encode(model, x))

    @pytest.mark.parametrize("network", ["mlp", "sequence-conv"])
    def test_text_may_be_one(self, network):
        rows = TEXT.telling("word").rows(WORDS)
        model = build(rows, network=network, latent_dim=2, width=8).model
        others = rows.x.copy()
        others[:, :3] = others[::-1, :3]
        assert (others != rows.x).any()
        np.testing.assert_array_equal(lb.encode(model, others), lb.encode(model, rows.x))

    def test_of_numbers_alone_each_column_is_then_modelled_by_its_kind(self):
        table = pyarrow.table(
            {name: np.random.default_rng(i).normal(size=30) for i, name in enumerate("abc")}
        )
        rows = Schema.of(table).telling("c").rows(table)
        model = build(rows, latent_dim=2, width=8).model
        np.testing.assert_array_equal(lb.encode(model, _with(rows.x, 2, 0.5)), lb.encode(model, rows.x))

    @pytest.mark.parametrize(
        ("targets", "options", "message"),
        [
            ("price", {"likelihood": "gaussian"}, "rows that one family describes"),
            ("price", {"network": "conv"}, "rows that one family describes"),
            ("x0", {}, "rows that one family describes"),
        ],
    )
    def test_columns_that_one_family_describes_have_none(self, targets, options, message):
        wide = pyarrow.table({f"x{i}": [0.5 * i, 1.25, 3.5] for i in range(200)})
        table = wide if targets == "x0" else HOUSES
        with pytest.raises(ValueError, match=f"targets: .*{message}"):
            build(Schema.of(table).telling(targets).rows(table), latent_dim=2, width=8, **options)

    @pytest.mark.parametrize(
        ("targets", "message"),
        [
            (["prise"], "no column is called 'prise'; the nearest is 'price'"),
            (["price", "size", "colour"], "a column that the encoder sees besides"),
        ],
    )
    def test_what_is_no_target_is_refused(self, targets, message):
        with pytest.raises(ValueError, match=f"targets: .*{message}"):
            Schema.of(HOUSES).telling(targets)

    def test_no_source_passes_them_over(self):
        with pytest.raises(ValueError, match=r"targets: .* found rows without a schema"):
            Source(np.eye(3), "x").telling(["price"])
        with pytest.raises(ValueError, match="targets: no column is called 'price'"):
            training_and_held_out("digits", None, None, 0, AS_FOUND, targets="price")

    def test_a_table_may_lack_them(self, priced):
        """Rows have the codes that they have with it; another column is missed."""
        model, x = priced
        schema = Schema.of(HOUSES).telling("price")
        without = HOUSES.drop_columns("price")
        np.testing.assert_array_equal(lb.encode(model, schema.rows(without)), lb.encode(model, x))
        with pytest.raises(DataError, match="no 'size'"):
            schema.rows(HOUSES.drop_columns("size"))


def _with(x, column, value):
    """The same with another value in a column."""
    x = np.array(x, float)
    x[..., column] = value
    return x


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the bound still rose")
def test_a_property_that_counts_more_is_known_better():
    """An estimator whose code has one dimension for two columns gives it to the one that counts."""
    random = np.random.default_rng(0)
    table = pyarrow.table({name: random.normal(size=400) for name in ("a", "b")})
    off = {}
    for name in ("a", "b"):
        vae = lb.VariationalAutoencoder(
            1, prior="standard-normal", width=16, depth=1, epochs=150, batch_size=32, objective="elbo",
            column_weights={name: 20}, evidence_method="importance", evidence_samples=10, random_state=0,
        ).fit(table)  # fmt: skip
        again = vae.inverse_transform(vae.transform(table))
        off[name] = np.mean((np.asarray(again) - np.column_stack([table["a"], table["b"]])) ** 2, axis=0)
    assert off["a"][0] < 0.5 * off["b"][0]
    assert off["b"][1] < 0.5 * off["a"][1]
