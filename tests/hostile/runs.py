"""Runs whose files name what they should not: parts, paths, links, numbers that are none."""

import json
import os
import tempfile
from functools import cache
from pathlib import Path

import jax
import numpy as np

import lowerbound as lb
from lowerbound.archive.records import DataRecord, Metrics, Provenance, Split
from lowerbound.archive.store import content_of, file_of
from lowerbound.baselines.comparison import TrainedOn
from lowerbound.baselines.products import BinomialMixture
from lowerbound.data.schema import Schema
from lowerbound.inference.fingerprints import fingerprints
from lowerbound.runs import RunFolder

from .hostile import NOISE, PICKLE, Hostile
from .texts import deep

X = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
PROVENANCE = Provenance(
    DataRecord("x.npy", 4, 2, None, None, None, "ab12"), Split(3, 1), 7, "epochs", 40, {"jax": "0.1"}, None
)
METRICS = Metrics(
    *(-1.5, 0.1, -1.0, 0.1, 0.01, 0.1, -1e-4, 50, {"refined": 4}, 1, 3.0, 1.0, 11.0, "counting measure"),
    *(4, 2, (), 0, 0, 0, 1.5, 13.0, {}),
)
HISTORY = [{"step": 1.0, "epoch": 1.0, "bound": -2.0}]


@cache
def sound():
    """The files of a run that is as it should be, by name."""
    latent, bits, key = lb.DiagonalGaussian(1), lb.Bernoulli(2), jax.random.key(0)
    model = lb.VAE(
        lb.StandardNormal(1),
        lb.Conditional(lb.MLP(2, latent.size, width=2, key=key), latent),
        lb.Conditional(lb.MLP(1, bits.size, width=2, key=key), bits),
    )
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        prints = fingerprints(X)
        run.write_model(model, PROVENANCE, TrainedOn(prints[:3], prints[3:]), HISTORY, Schema.of(X))
        run.write_metrics(METRICS)
        run.write_baselines(
            {"coin": BinomialMixture(1, np.ones(1), note="c", probabilities=np.full((1, 2), 0.5))}
        )
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def a_run(**files):
    """Writes a run with other content in some files; None leaves one out."""

    def write(path):
        path.mkdir()
        for name, data in (sound() | {_named(key): value for key, value in files.items()}).items():
            if data is not None:
                (path / name).write_bytes(data() if callable(data) else data)

    return write


def _named(key):
    stem = key.rstrip("_")
    endings = {
        "history": ".jsonl",
        "model": ".safetensors",
        "rows": ".safetensors",
        "baselines": ".safetensors",
    }
    return stem + endings.get(stem, ".json")


def linked(name, target):
    """A run of which a file is a link."""

    def write(path):
        a_run()(path)
        (path / name).unlink()
        (path.parent / "outside").write_bytes(sound()[name])
        (path / name).symlink_to(target)

    return write


def pipe(name):
    def write(path):
        a_run()(path)
        (path / name).unlink()
        os.mkfifo(path / name)

    return write


def edited(name, *path, value):
    """A record of JSON in which one field is another."""

    def data():
        record = json.loads(sound()[name].splitlines()[0] if name == "history.jsonl" else sound()[name])
        inside = record
        for step in path[:-1]:
            inside = inside[step]
        inside[path[-1]] = value
        return json.dumps(record).encode()

    return data


def structured(change, holds="model", name="model.safetensors"):
    """A file of arrays with another structure, whose checksum is right."""

    def data():
        structure, arrays = content_of(sound()[name], holds, name)
        changed = change(structure, arrays)
        return file_of(holds, structure if changed is None else changed, arrays)

    return data


def put(*path, value):
    def change(structure, arrays):
        inside = structure
        for step in path[:-1]:
            inside = inside[step]
        inside[path[-1]] = value

    return structured(change)


def header(length):
    return lambda: length.to_bytes(8, "little") + sound()["model.safetensors"][8:]


def promising(shape, dtype="F64"):
    """A file of safetensors that promises an array which is not there."""
    size = int(np.prod([abs(n) for n in shape], dtype=object)) * 8
    head = json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}).encode()
    return len(head).to_bytes(8, "little") + head


# Values that no field of a record may have, whatever it is.
ODD = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "10⁴⁰⁰": 10**400,
    "a list": [1],
    "a record": {"a": 1},
    "text": "x",
    "true": True,
}
PATHS = ("../../etc/passwd", "/etc/passwd", "C:\\Windows\\win.ini", "file:///etc/passwd", "\0")
PARTS = (
    "os.system",
    "subprocess.Popen",
    "builtins.eval",
    "lowerbound.runs.load",
    "../mlp",
    "__main__",
    "",
    "fixed ",
)

FILES = [
    *(
        Hostile("run", a_run(metrics=edited("metrics.json", "elbo", value=v)), f"elbo is {k}", "metrics")
        for k, v in ODD.items()
    ),
    *(
        Hostile("run", a_run(metrics=edited("metrics.json", "n_rows", value=v)), f"n_rows is {k}", "metrics")
        for k, v in (ODD | {"2⁶⁴": 2**64, "half": 0.5}).items()
    ),
    *(
        Hostile(
            "run",
            a_run(metrics=edited("metrics.json", "baselines", value={"m": v})),
            f"a baseline is {k}",
            "metrics",
        )
        for k, v in ODD.items()
    ),
    *(
        Hostile("run", a_run(history=edited("history.jsonl", "bound", value=v)), f"bound is {k}", "history")
        for k, v in ODD.items()
    ),
    *(
        Hostile(
            "run",
            a_run(provenance=edited("provenance.json", "data", "rows", value=v)),
            f"rows is {k}",
            "provenance",
        )
        for k, v in ODD.items()
    ),
    Hostile("run", a_run(provenance=edited("provenance.json", "data", value=None)), "no data", "provenance"),
    Hostile(
        "run",
        a_run(provenance=edited("provenance.json", "data", "column_names", value="ab")),
        "names as text",
        "provenance",
    ),
    Hostile(
        "run",
        a_run(provenance=edited("provenance.json", "versions", value={"jax": 1})),
        "a version that is none",
        "provenance",
    ),
    *(
        Hostile("run", a_run(**{stem: data}), f"{stem} is {about}", {"rows": "trained_on"}.get(stem, stem))
        for stem in ("provenance", "metrics", "history", "schema", "model", "rows", "baselines")
        for about, data in (("a pickle", PICKLE), ("noise", NOISE), ("deep", deep("[", "]").encode()))
    ),
    *(
        Hostile("run", a_run(**{stem: b""}), f"{stem} is empty", {"rows": "trained_on"}.get(stem, stem))
        for stem in ("provenance", "metrics", "schema", "model", "rows", "baselines")
    ),
    Hostile("run", a_run(metrics=b'{"a": 1, ' + b" " * (1 << 24)), "metrics of 16 MB", "metrics"),
    Hostile("run", a_run(model=None), "no model", "model"),
    # Links and what is no file.
    *(
        Hostile("run", linked(name, "../outside"), f"{name} is a link that leads out", reader, "leads out")
        for name, reader in (
            ("model.safetensors", "model"),
            ("provenance.json", "provenance"),
            ("schema.json", "schema"),
            ("rows.safetensors", "trained_on"),
            ("history.jsonl", "history"),
            ("metrics.json", "metrics"),
            ("baselines.safetensors", "baselines"),
        )
    ),
    *(
        Hostile("run", linked("metrics.json", target), f"metrics.json is a link to {target}", "metrics")
        for target in ("/etc/passwd", "/dev/zero", "/dev/stdin", "metrics.json", "nothing", ".", "..")
    ),
    Hostile("run", pipe("metrics.json"), "metrics.json is a pipe", "metrics"),
    Hostile("run", pipe("model.safetensors"), "model.safetensors is a pipe", "model"),
    # The schema.
    *(
        Hostile(
            "run",
            a_run(schema=edited("schema.json", "form", value=v)),
            f"its form is {v!r}",
            "schema",
            "form",
        )
        for v in ("os", "antigravity", "lowerbound", 7, None, *PATHS)
    ),
    *(
        Hostile(
            "run",
            a_run(schema=edited("schema.json", "columns", 0, name, value=v)),
            f"its {name} is {v!r:.20}",
            "schema",
            "schema",
        )
        for name, v in (
            ("dtype", "O,O"),
            ("dtype", "V1000000000000"),
            ("dtype", "(1000000,1000000)f8"),
            ("dtype", "f8\0"),
            ("dtype", "__import__('os')"),
            ("kind", "copy"),
            ("kind", "os"),
            ("low", float("nan")),
            ("high", 10**400),
            ("unit", 0),
            ("unit", -1),
            ("unit", float("inf")),
            ("offset", "0"),
            ("holes", -1),
            ("decimals", 10**9),
            ("decimals", -1),
            ("zone", "../../etc/passwd"),
            ("zone", "/etc/passwd"),
            ("original", "nobody"),
            ("levels", ["a", "a"]),
            ("levels", [1]),
            ("levels", "ab"),
            ("name", ["x"]),
        )
    ),
    *(
        Hostile(
            "run",
            a_run(schema=edited("schema.json", "image_shape", value=v)),
            f"its shape is {v!r}",
            "schema",
            "image_shape",
        )
        for v in ([0, 1], [-1, 2], [2**40, 2**40], [1.5, 2], [True, 2], "12", 12, [1] * 9)
    ),
    Hostile("run", a_run(schema=edited("schema.json", "columns", value=[])), "no columns", "schema"),
    Hostile(
        "run",
        a_run(schema=edited("schema.json", "columns", value=[{"__class__": "os.system"}])),
        "a column of another class",
        "schema",
    ),
    # The model.
    *(
        Hostile("run", a_run(model=put("prior", "part", value=v)), f"its prior is {v!r}", "model")
        for v in PARTS
    ),
    *(
        Hostile("run", a_run(model=put("prior", value=v)), f"its prior is {v!r:.40}", "model")
        for v in (
            None,
            7,
            "os",
            [],
            {"list": []},
            {"mapping": []},
            {"float": "x"},
            {"array": "nowhere"},
            {"custom": "Prior"},
            {"part": ["mlp"]},
            {"part": None},
        )
    ),
    *(
        Hostile("run", a_run(model=put("prior", "event_size", value=v)), f"z has {v!r:.40}", "model")
        for v in (-1, 10**30, "1", None, [1], 1.5)
    ),
    *(
        Hostile(
            "run",
            a_run(model=put("posterior", "network", "activation", value=v)),
            f"its activation is {v!r}",
            "model",
        )
        for v in ("save", "load", "os.system", "__class__", "eval", "", 7, ["relu"])
    ),
    *(
        Hostile("run", a_run(model=header(n)), f"a header of {n} bytes", "model")
        for n in (0, 3, 2**31, 2**40, 2**63, 2**64 - 1)
    ),
    *(
        Hostile("run", a_run(model=promising(shape)), f"arrays of {shape}", "model")
        for shape in ([10**6, 10**6], [2**40, 2**40], [-1, 2], [0, -1])
    ),
    Hostile("run", a_run(model=promising([2], "O")), "an array of objects", "model"),
    Hostile("run", a_run(model=structured(lambda s, a: a.clear())), "no arrays", "model"),
    Hostile(
        "run",
        a_run(model=structured(lambda s, a: a.update({k: v[..., None] for k, v in a.items()}))),
        "arrays of another shape",
        "model",
    ),
    Hostile("run", a_run(model=structured(lambda s, a: [])), "an empty structure", "model"),
    Hostile(
        "run", a_run(model=structured(lambda s, a: json.loads(deep("[", "]", 90)))), "lists in lists", "model"
    ),
    Hostile("run", a_run(model=lambda: sound()["baselines.safetensors"]), "baselines for a model", "model"),
    Hostile("run", a_run(model=lambda: sound()["model.safetensors"][:-8]), "eight bytes cut off", "model"),
    Hostile("run", a_run(model=lambda: sound()["model.safetensors"] + bytes(8)), "eight bytes more", "model"),
    # Fingerprints and baselines.
    *(
        Hostile(
            "run",
            a_run(rows=structured(change, "rows", "rows.safetensors")),
            f"fingerprints: {about}",
            "trained_on",
        )
        for about, change in (
            ("a list", lambda s, a: []),
            ("another name", lambda s, a: {"mapping": {"x": 1}}),
            ("a number", lambda s, a: {"mapping": {"train": 1, "validation": 2}}),
            ("of another width", lambda s, a: a.update({k: v[:, :1] for k, v in a.items()})),
            ("of another type", lambda s, a: a.update({k: v.astype(float) for k, v in a.items()})),
        )
    ),
    *(
        Hostile(
            "run",
            a_run(baselines=structured(change, "baselines", "baselines.safetensors")),
            f"baselines: {about}",
            "baselines",
        )
        for about, change in (
            ("a list", lambda s, a: []),
            ("a number", lambda s, a: {"mapping": {"coin": 1}}),
            ("NaN", lambda s, a: a.update({k: v * np.nan for k, v in a.items()})),
            ("negative", lambda s, a: a.update({k: -v for k, v in a.items()})),
            ("another part", lambda s, a: {"mapping": {"coin": {"part": "os.system"}}}),
        )
    ),
]
