"""Text as tokens: a column that takes several places of a row, from a table to a model and back."""

import json
import warnings

import jax
import numpy as np
import pyarrow as pa
import pytest
from sklearn.exceptions import ConvergenceWarning

import lowerbound as lb
from lowerbound.assembly import automatic_objective, build
from lowerbound.cli import main
from lowerbound.data.errors import DataError
from lowerbound.data.inside import any_outside, check_support
from lowerbound.data.schema import described
from lowerbound.data.sources.source import open_source
from lowerbound.data.tokens import TOKENIZERS, Tokens
from lowerbound.serve.cells import cells_of
from lowerbound.serve.errors import Refused

from ..cli.calls import FAST

WORDS = pa.table({"word": ["abba", "cab", None, "b"], "p": [0.5, 1.25, 3.0, 2.0], "q": ["u", "v", "u", "v"]})
KINDS = {"word": "tokens", "q": "category"}


def test_a_text_takes_as_many_places_as_the_longest_has_tokens_and_comes_back():
    schema, rows = described(WORDS, kinds=KINDS)
    assert [column.places for column in schema.columns] == [4, 1, 1]
    assert [column.name for column in schema.placed] == 4 * ["word"] + ["p", "q"]
    assert schema.firsts == (0, 4, 5)
    assert rows.x[:, :4].tolist()[:2] == [[1, 2, 2, 1], [3, 1, 2, 0]]
    assert np.isnan(rows.x[2, :4]).all()
    assert rows.x[3, :4].tolist() == [2, 0, 0, 0]
    assert schema.decode(rows.x) == WORDS
    assert "text of at most 4 characters, 3 different, 1 missing" in str(schema)
    assert not schema.numeric
    assert schema.mixed
    assert len(schema.log_units) == 6


def test_a_schema_of_tokens_is_a_file_and_is_handed_in_again():
    schema = lb.Schema.of(WORDS, kinds=KINDS)
    assert lb.Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    again = lb.Schema.of(WORDS.slice(1, 3), kinds=schema)  # shorter texts, of the same length in a row
    assert again.columns[0].tokens == schema.columns[0].tokens
    with pytest.raises(DataError, match="'d' is none, found 'dab' in row 0, column 'word'"):
        lb.Schema.of(pa.table({"word": ["dab", "a"], "p": [0.5, 2.5], "q": ["u", "v"]}), kinds=schema)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("tokenizer", "(a+)+$", "one of tokens, words"),
        ("vocabulary", ["a", "a"], "texts that differ"),
        ("length", 0, "a whole number from 1"),
        ("length", True, "a whole number from 1"),
    ],
)
def test_a_file_that_says_other_tokens_is_refused(field, value, told):
    record = lb.Schema.of(WORDS, kinds=KINDS).to_json()
    record["columns"][0]["tokens"][field] = value
    with pytest.raises(ValueError, match=rf"schema\.columns\['word'\]\.tokens\.{field}: expected {told}"):
        lb.Schema.from_json(record)


def test_tokens_belong_to_their_kind():
    record = lb.Schema.of(WORDS, kinds=KINDS).to_json()
    record["columns"][1]["tokens"] = record["columns"][0]["tokens"]
    with pytest.raises(ValueError, match="expected them of the kind 'tokens', and of no other"):
        lb.Schema.from_json(record)


@pytest.mark.parametrize(
    ("word", "told"), [("abbac", "at most 4 tokens, .* it has 5"), ("add", "of which 'd' is none")]
)
def test_text_that_is_no_sequence_is_named(word, told):
    schema = lb.Schema.of(WORDS, kinds=KINDS)
    table = pa.table({"word": ["cab", word], "p": [1.0, 1.0], "q": ["u", "u"]})
    with pytest.raises(DataError, match=f"{told}.*, found '{word}' in row 1, column 'word'"):
        schema.encode(table)
    assert schema.rows(table).impossible.tolist() == [1]


@pytest.mark.parametrize(
    ("tokenizer", "text", "tokens"),
    [
        ("tokens", "añb", ["a", "ñ", "b"]),
        ("words", "so it is", ["so", "it", "is"]),
        ("smiles", "C[NH3+]Cl.c1%12", ["C", "[NH3+]", "Cl", ".", "c", "1", "%12"]),
    ],
)
def test_tokenizers_split_and_join(tokenizer, text, tokens):
    assert list(TOKENIZERS[tokenizer].split(text)) == tokens
    assert TOKENIZERS[tokenizer].join(tokens) == text
    known = Tokens.of([text], tokenizer)
    cells = np.array([text], object)
    assert known.restored(known.stored(cells)).tolist() == [text]


def test_what_no_expression_matches_is_no_text_of_its_tokens():
    with pytest.raises(DataError, match="text of tokens of SMILES, found 'C C' in row 1"):
        lb.Schema.of(pa.table({"smiles": ["CC", "C C"], "p": [1.5, 2.5]}), kinds={"smiles": "smiles"})


def test_a_token_behind_the_end_is_outside_of_the_support():
    family = lb.Autoregressive(lb.GRU(3, 2, width=4, key=jax.random.key(0)), 4)
    both = lb.MixedColumns([lb.DiagonalGaussian(1), family])
    x = np.array([[0.5, 1, 2, 0, 0], [0.5, 1, 0, 2, 0]])
    assert any_outside(x, both.support).tolist() == [False, True]
    with pytest.raises(DataError, match=r"nothing but 0 behind a 0, found 1 in row 1, column 1"):
        check_support(x, both.support)
    x[1, 1:] = np.nan
    assert any_outside(x, both.taking_missing().support).tolist() == [False, False]


def test_log_p_of_a_text_that_was_not_observed_is_0():
    family = lb.Autoregressive(lb.GRU(3, 2, width=4, key=jax.random.key(0)), 3)
    p, holes = family(np.zeros(2)), family.taking_missing()(np.zeros(2))
    x = np.array([[1.0, 2.0, 0.0], [np.nan, np.nan, np.nan], [1.0, np.nan, np.nan]])
    assert holes.log_prob(x)[0] == p.log_prob(x)[0] < 0
    assert holes.log_prob(x).tolist()[1:] == [0.0, -np.inf]


RNG = np.random.default_rng(0)
TEXTS = ["".join(RNG.choice([*"ab"], RNG.integers(1, 4))) + "c" * RNG.integers(0, 3) for _ in range(400)]
TABLE = pa.table({"text": TEXTS, "a": [text.count("a") + RNG.normal() / 10 for text in TEXTS]})


@pytest.fixture(scope="module")
def vae():
    options = {"latent_dim": 2, "width": 32, "epochs": 150, "learning_rate": 5e-3, "random_state": 0}
    options |= {"evidence_method": "importance", "evidence_samples": 100}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return lb.VariationalAutoencoder(kinds={"text": "tokens"}, missing=True, **options).fit(TABLE)


@pytest.mark.thorough
def test_an_estimator_of_text_draws_text(vae):
    assert "Autoregressive (1), FreeForm (1)" in vae.likelihood_
    drawn = vae.sample(50).to_pydict()
    assert {*"".join(drawn["text"])} <= {*"abc"}
    assert max(map(len, drawn["text"])) <= 5
    again = vae.inverse_transform(vae.transform(TABLE.slice(0, 3)))
    assert again.column_names == ["text", "a"]
    assert again.num_rows == 3


@pytest.mark.thorough
def test_its_log_p_is_that_of_the_table(vae):
    lengths = vae.score_samples(TABLE)
    assert np.isfinite(lengths).all()
    impossible = pa.table({"text": ["abz", "a" * 9], "a": [1.0, 9.0]})
    assert vae.score_samples(impossible).tolist() == [-np.inf, -np.inf]


@pytest.mark.slow
def test_text_is_drawn_given_a_number_and_a_number_given_text(vae):
    low, high = (np.mean([text.count("a") for text in drawn(vae, a)]) for a in (0.0, 3.0))
    assert low < 0.3
    assert high > 1.7
    holed = pa.table({"text": ["bbb", None, "aaa"], "a": [None, 0.5, None]})
    filled = vae.impute(holed).to_pydict()
    assert filled["text"][0] == "bbb"
    assert filled["text"][2] == "aaa"
    assert isinstance(filled["text"][1], str)
    assert filled["a"][1] == 0.5
    assert filled["a"][0] < 1 < filled["a"][2]


def drawn(vae, a):
    return vae.sample(100, given={"a": a}).to_pydict()["text"]


@pytest.mark.slow
def test_a_text_has_one_surprise(vae):
    found = vae.surprise(pa.table({"text": ["bbb", "aaa"], "a": [3.0, 3.0]}))
    assert found.shape == (2, 2)
    assert np.isfinite(found).all()
    assert found[0, 1] > found[1, 1] + 3  # three a in a text without one


@pytest.mark.thorough
def test_the_command_line_takes_a_table_of_text(tmp_path, capsys):
    pytest.importorskip("pandas")
    file, run = tmp_path / "texts.csv", tmp_path / "run"
    TABLE.to_pandas().to_csv(file, index=False)
    quick = ["--latent-dim", "2", "--epochs", "2", "--width", "16", *FAST, "--samples", "10"]
    quick += ["--no-baselines", "--targets", "a", "--window", "2"]
    assert main(["fit", str(file), "--kinds", "text=tokens", "--out", str(run), *quick]) == 0
    model = lb.load(run)
    assert model.likelihood.family.families[0].network.window == 2
    codes = lb.encode(model, TABLE)
    np.testing.assert_array_equal(lb.encode(model, TABLE.set_column(1, "a", pa.array([1.5] * 400))), codes)
    said = capsys.readouterr().err
    assert "Autoregressive (1), FreeForm (1)" in said
    assert "warning" not in said
    assert main(["sample", str(run), "-n", "5", "--out", str(tmp_path / "drawn.csv")]) == 0
    assert open_source(str(tmp_path / "drawn.csv"), kinds={"text": "tokens"}).schema.names == ("text", "a")


def test_molecules_are_read_in_any_form_and_written_in_one():
    pytest.importorskip("rdkit"), pytest.importorskip("selfies")
    table = pa.table({"molecule": ["OCC", "C(C)O", "c1ccccc1", None], "logP": [0.0, 0.0, 1.7, 0.5]})
    schema, rows = described(table, kinds={"molecule": "molecule"})
    assert (rows.x[0] == rows.x[1]).all()
    assert schema.decode(rows.x).column("molecule").to_pylist() == ["CCO", "CCO", "c1ccccc1", None]
    with pytest.raises(DataError, match=r"text of tokens of SELFIES, found 'C\(C' in row 1"):
        lb.Schema.of(pa.table({"m": ["CC", "C(C"], "p": [1.5, 2.5]}), kinds={"m": "molecule"})


def test_whatever_the_tokens_a_molecule_is_drawn():
    pytest.importorskip("rdkit"), pytest.importorskip("selfies")
    from lowerbound.data.molecules import canonical

    tokens = Tokens.of(["CCO", "C1=CC=CN1", "FC#N", "c1ccccc1"], "molecule")
    numbers = np.random.default_rng(0).integers(1, tokens.levels, (200, tokens.length))
    drawn = tokens.restored(numbers)
    assert all(canonical(smiles) == smiles for smiles in drawn if smiles)
    assert len(set(drawn)) > 50


SMI = "CCO ethanol\nC(C bad\nc1ccccc1 benzene\n\nCC(=O)[O-].[Na+] salt\nOCC again\nxyz worse\n"


def test_a_prior_of_rows_is_refused_of_text():
    _, rows = described(WORDS, kinds=KINDS)
    with pytest.raises(ValueError, match="vamp-prior moves rows by their gradient, and text has none"):
        build(rows, prior="vamp-prior", width=4)
    built = build(rows, prior="mixture-prior", width=4)
    assert automatic_objective(built.model) == lb.ELBO()


def test_a_person_is_asked_about_text_that_may_be_molecules_and_rows_that_may_be_sequences(tmp_path):
    file = tmp_path / "some.csv"
    cells = [f"{'C' * n},{n / 7}" for n in range(1, 40)]
    file.write_text("\n".join(["SMILES,p", *cells]))
    assert "if it is, --kinds SMILES=molecule" in " ".join(open_source(str(file)).notes)
    rows = np.triu(np.full((30, 30), 3))[:, ::-1]
    for name, x in (("sequences", rows), ("counts", rows[:, ::-1])):
        np.save(tmp_path / f"{name}.npy", x)
        notes = open_source(str(tmp_path / f"{name}.npy")).notes
        assert any("sequences of tokens" in note for note in notes) == (name == "sequences")


def test_a_file_of_smiles_is_a_table_of_molecules_without_what_is_none(tmp_path):
    pytest.importorskip("rdkit"), pytest.importorskip("selfies")
    file = tmp_path / "some.smi"
    file.write_text(SMI)
    source = open_source(str(file))
    assert [column.kind for column in source.schema.columns] == ["tokens", "identifier"]
    assert len(source.x) == 4
    (note,) = (note for note in source.notes if "left out, whose" in note)
    assert note.startswith("2 rows left out, whose 'smiles' is no text of tokens of SELFIES: ")
    assert note.endswith("'C(C' in row 1, 'xyz' in row 5")
    assert "1 empty line left out: 4" in source.notes
    kept = source.schema.restored(source.x)[0].tolist()
    assert kept == ["CCO", "c1ccccc1", "CC(=O)[O-].[Na+]", "CCO"]


def test_molecules_that_a_model_never_saw_are_named_and_keep_their_places(tmp_path):
    """No SMILES, a salt, one that is longer than the longest and an unknown atom."""
    pytest.importorskip("rdkit"), pytest.importorskip("selfies")
    (tmp_path / "known.smi").write_text("CCO\nCC#N\nCCC=O\n")
    schema = open_source(str(tmp_path / "known.smi")).schema
    later = lb.data.sources.Source.of(
        [{"smiles": each} for each in ("OCC", "C(C", "CC.[Na+]", "C" * 9, "[Xe]", "CC#N")],
        "later",
        schema=schema,
    )
    assert later.impossible.tolist() == [1, 2, 3, 4]
    assert str(later.fault).startswith(
        "later: expected text of tokens of SELFIES, found 'C(C' (4 rows in all: 1, 2, 3, 4) in row 1, "
        "column 'smiles'"
    )
    assert later.schema.restored(later.x[[0, 5]])[0].tolist() == ["CCO", "CC#N"]
    tokens = schema.columns[0].tokens
    assert "of which '[Xe]' is none" in tokens.fault("[Xe]")
    assert tokens.fault("C" * 9) == "at most 4 tokens, as the longest that the column had; it has 9"


def test_a_file_of_structures_has_their_properties(tmp_path):
    chemistry = pytest.importorskip("rdkit.Chem")
    pytest.importorskip("selfies")
    file = tmp_path / "some.sdf"
    with chemistry.SDWriter(str(file)) as writer:
        for smiles, value in (("OCC", 1.5), ("c1ccccc1", 2.5), ("CC", 0.25)):
            molecule = chemistry.MolFromSmiles(smiles)
            molecule.SetDoubleProp("logP", value)
            writer.write(molecule)
    source = open_source(str(file))
    assert source.schema.names == ("smiles", "logP")
    assert source.schema.decode(source.x).column("smiles").to_pylist() == ["CCO", "c1ccccc1", "CC"]
    assert source.schema.decode(source.x).column("logP").to_pylist() == [1.5, 2.5, 0.25]


def test_rows_are_left_out_with_their_labels(tmp_path):
    file = tmp_path / "some.csv"
    file.write_text("smiles,p,y\nCC,1.5,a\nC C,2.5,b\nCCC,3.5,c\n")
    source = open_source(str(file), "y", kinds={"smiles": "smiles"})
    assert source.labels.tolist() == ["a", "c"]
    assert source.x.shape == (2, 4)


def test_text_of_json_is_a_cell_of_tokens():
    column = lb.Schema.of(WORDS, kinds=KINDS).columns[0]
    assert cells_of(column, ["cab", None], ".word").tolist() == ["cab", None]
    with pytest.raises(Refused, match="expected text, found 7 in row 1, column 'word'"):
        cells_of(column, ["cab", 7], ".word")
