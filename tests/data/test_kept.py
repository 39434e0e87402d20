"""Programs that are kept from one process to the next."""

import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data import chunks, kept
from lowerbound.data.chunks import transformed
from lowerbound.data.kept import KEPT, Kept
from lowerbound.models.transforms import Identity

X = np.random.default_rng(0).integers(0, 2, (70, 4)).astype(np.float32)


def model_of(seed=0):
    latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(seed)
    return lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
        lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    )


@pytest.fixture
def starts(tmp_path, monkeypatch):
    """A process begins: it knows no program but those in its folder, and with `traces=False` traces none."""
    chunk = chunks._chunk

    def start(folder=tmp_path / "programs", traces=True):
        monkeypatch.setattr(chunks, "_PROGRAMS", {})
        monkeypatch.setattr(chunks, "_chunk", chunk if traces else None)
        KEPT.open(folder)
        return folder

    yield start
    KEPT.open(None)


def test_a_second_start_traces_nothing_and_has_the_same_bits(starts):
    model = model_of()
    starts(None)
    plain = lb.encode(model, X), lb.decode(model, X[:, :2])
    folder = starts()
    first = lb.encode(model, X), lb.decode(model, X[:, :2])
    assert len([*folder.iterdir()]) == 2
    starts(traces=False)
    second = lb.encode(model, X), lb.decode(model, X[:, :2])
    for one, *others in zip(plain, first, second, strict=True):
        for other in others:
            np.testing.assert_array_equal(one, other)
    # Of other weights the program is the same, and its numbers are others.
    assert (lb.encode(model_of(1), X) != plain[0]).any()


def test_a_row_alone_has_its_bits_in_a_program_that_was_kept(starts):
    starts()
    codes = lb.encode(model_of(), X)
    starts(traces=False)
    np.testing.assert_array_equal(lb.encode(model_of(), X[5:6]), codes[5:6])


@pytest.mark.slow
def test_every_method_of_log_p_has_the_same_bits_when_it_is_read(starts):
    model, found, folder = model_of(), [], starts()
    for start in (partial(starts, None), partial(starts, folder), partial(starts, folder, traces=False)):
        start()
        found.append(
            [
                lb.log_evidence(model, X[:3], method=method, samples=100, steps=20)
                for method in ("refined", "refined-annealed", "annealed", "importance")
            ]
        )
    for plain, first, second in zip(*found, strict=True):
        for column in ("log_prob", "standard_error", "elbo", "k_hat"):
            expected = getattr(plain, column)
            np.testing.assert_array_equal(getattr(first, column), expected)
            np.testing.assert_array_equal(getattr(second, column), expected)


def shortened(content):
    return content[:-1]


def emptied(content):
    return b""


def with_a_bit_changed(content):
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.parametrize("broken", [shortened, emptied, with_a_bit_changed])
def test_a_broken_file_is_written_anew(starts, broken):
    folder = starts()
    codes = lb.encode(model_of(), X)
    (file,) = folder.iterdir()
    content = file.read_bytes()
    file.write_bytes(broken(content))
    starts()
    np.testing.assert_array_equal(lb.encode(model_of(), X), codes)
    starts(traces=False)
    np.testing.assert_array_equal(lb.encode(model_of(), X), codes)


def test_a_file_of_another_program_is_written_anew(starts):
    folder = starts()
    codes = lb.encode(model_of(), X)
    (file,) = folder.iterdir()
    lb.decode(model_of(), X[:, :2])
    (other,) = {*folder.iterdir()} - {file}
    file.write_bytes(other.read_bytes())
    starts()
    np.testing.assert_array_equal(lb.encode(model_of(), X), codes)
    starts(traces=False)
    np.testing.assert_array_equal(lb.encode(model_of(), X), codes)


def test_where_nothing_can_be_written_it_is_computed_all_the_same(starts, tmp_path):
    starts(None)
    codes = lb.encode(model_of(), X)
    (tmp_path / "a file").write_text("")
    starts(tmp_path / "a file" / "programs")
    np.testing.assert_array_equal(lb.encode(model_of(), X), codes)


def test_without_flatbuffers_nothing_is_kept(starts, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "find_spec", lambda name: None)
    starts()
    assert lb.encode(model_of(), X).shape == (70, 2)
    assert not (tmp_path / "programs").exists()


def _of_this_file(constants, row):
    return row * constants


def test_a_function_that_is_not_the_librarys_is_not_kept(starts, tmp_path):
    starts()
    found = chunks.in_chunks(_of_this_file, np.float32(2), X, chunk=64)
    np.testing.assert_array_equal(found, 2 * X)
    assert not (tmp_path / "programs").exists()


def test_a_program_is_known_by_all_that_it_is_traced_for(tmp_path, monkeypatch):
    found = Kept()
    found.open(tmp_path)
    model = model_of()
    names = [found.file_of(lb.encode, model, X), found.file_of(lb.decode, model, X)]
    names += [found.file_of(lb.encode, model, X[:8]), found.file_of(lb.encode, model.p_z(), X)]
    monkeypatch.setattr(kept, "_here", lambda: ["other sources"])
    names.append(found.file_of(lb.encode, model, X))
    assert len({*names}) == 5
    monkeypatch.undo()
    again = Kept()
    again.open(tmp_path)
    assert again.file_of(lb.encode, model, X) == names[0]


class TestVouched:
    """Whether all that something needs was kept, known before any of it is read."""

    @pytest.fixture
    @staticmethod
    def code(tmp_path):
        """The folder of JAX's own cache, with machine code in it."""
        (tmp_path / "xla").mkdir()
        (tmp_path / "xla" / "jit_sin").write_bytes(b"1")
        before = jax.config.jax_compilation_cache_dir
        jax.config.update("jax_compilation_cache_dir", str(tmp_path / "xla"))
        yield tmp_path / "xla"
        jax.config.update("jax_compilation_cache_dir", before)

    @staticmethod
    def process(folder, *, writes=True, asks=(X,)):
        found = Kept()
        found.open(folder / "programs")
        for each in asks:
            file = found.file_of(lb.encode, each)
            if writes and file is not None:
                found.write(file, jax.jit(jnp.sin), (X,), waits=False)
        return found

    def test_by_an_earlier_process_for_what_it_was_said_of(self, tmp_path, code):
        first = self.process(tmp_path)
        assert not first.vouched("a service", X)
        first.vouch("a service", X)
        later = self.process(tmp_path, asks=())
        assert later.vouched("a service", X)
        assert later.vouched("a service", 2 * X)  # of other weights the programs are the same
        assert not later.vouched("a service", X[:8])
        assert not later.vouched("another", X)

    @pytest.mark.parametrize("kind", ["programs", "xla"])
    def test_not_where_something_has_gone_since(self, tmp_path, code, kind):
        first = self.process(tmp_path)
        first.vouch("a service")
        said = first._named(("a service",))
        for file in (tmp_path / kind).iterdir():
            if file != said:
                file.unlink()
        assert not self.process(tmp_path, asks=()).vouched("a service")

    @pytest.mark.parametrize(
        "how", [{"writes": False}, {"asks": (X, lambda x: x)}], ids=["unwritten", "nameless"]
    )
    def test_not_where_something_was_not_kept(self, tmp_path, code, how):
        first = self.process(tmp_path, **how)
        first.vouch("a service")
        assert not self.process(tmp_path, asks=()).vouched("a service")

    @pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{", b'{"programs": ["a"]}'])
    def test_a_file_that_says_nothing_is_not_believed(self, tmp_path, code, content):
        first = self.process(tmp_path)
        first.vouch("a service")
        first._named(("a service",)).write_bytes(content)
        assert not self.process(tmp_path, asks=()).vouched("a service")

    def test_nowhere_nothing_is(self):
        Kept().vouch("a service")
        assert not Kept().vouched("a service")


def test_settings_of_jax_are_part_of_it(starts):
    folder = starts()
    transformed(Identity(), X)
    with jax.enable_x64(True):
        assert transformed(Identity(), X.astype(float) / 3).dtype == float
    assert len([*folder.iterdir()]) == 2


def test_of_two_programs_of_one_name_neither_is_kept(tmp_path):
    found = Kept()
    found.open(tmp_path)
    file = found.file_of(lb.encode, X)
    assert found.write(file, jax.jit(jnp.sin), (X,), waits=False) is not None
    assert file.exists()
    assert found.file_of(lb.encode, X) is None
    assert not file.exists()


@pytest.mark.parametrize("waits", [False, True])
def test_whether_it_waits_for_threads_is_kept_too(tmp_path, waits):
    found = Kept()
    found.open(tmp_path)
    file = found.file_of(waits)
    found.write(file, jax.jit(jnp.sin), (X,), waits)
    assert found.read(file).waits is waits
    np.testing.assert_array_equal(found.read(file).run(X), jnp.sin(X))


def test_what_was_not_read_for_longest_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_MOST", 25)
    for age, name in enumerate("abcd"):
        (tmp_path / name).write_bytes(b"0123456789")
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    Kept().open(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]
