"""What the package's code never does, read in its syntax trees: there is no list of exceptions."""

import ast
from pathlib import Path

import pytest

import lowerbound as lb

SOURCES = sorted(Path(lb.__file__).parent.rglob("*.py"))
# Modules that run code of a file's, make objects of its choice, or start processes.
MODULES = {
    *("pickle", "_pickle", "cPickle", "pickletools", "marshal", "shelve", "dill", "cloudpickle", "joblib"),
    *("jsonpickle", "yaml", "ruamel", "subprocess", "runpy", "code", "codeop", "imp", "pty", "builtins"),
}
FUNCTIONS = {"eval", "exec", "compile", "__import__", "__builtins__"}
ATTRIBUTES = {
    *(
        "read_pickle",
        "to_pickle",
        "unsafe_load",
        "full_load",
        "exec_module",
        "load_module",
        "system",
        "popen",
    ),
    *("spec_from_file_location", "posix_spawn", "fork", "forkpty", "startfile"),
    *(
        f"{kind}{how}"
        for kind in ("exec", "spawn")
        for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
    ),
}
# `load` of these reads pickles, or may.
LOADERS = {"np", "numpy", "jnp", "torch", "onp"}


def faults(source):
    """What stands in a source that may not, each with its line."""
    tree = ast.parse(source)
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if any(fault(node, called.get(id(node)))):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def fault(node, call):
    match node:
        case ast.Import(names=names):
            yield any(name.name.split(".")[0] in MODULES for name in names)
        case ast.ImportFrom(module=module, names=names):
            yield (module or "").split(".")[0] in MODULES
            yield any(name.name in ATTRIBUTES | FUNCTIONS for name in names)
        case ast.Name(id="import_module") | ast.Attribute(attr="import_module"):
            yield call is None or not own_or_literal(call)
        case ast.Name(id=name):
            yield name in FUNCTIONS
        case ast.Attribute(value=value, attr=name):
            yield name in ATTRIBUTES
            yield name in ("load", "loads") and isinstance(value, ast.Name) and value.id in LOADERS
        case ast.keyword(arg="allow_pickle", value=value):
            yield not (isinstance(value, ast.Constant) and value.value is False)


def own_or_literal(call):
    """Whether a module is imported by a name that stands in the code, or by one of the package's own: such a
    text begins with `lowerbound.`, and whatever follows, no other package's code runs."""
    (name,) = call.args
    match name:
        case ast.Constant(value=str(literal)):
            return literal.split(".")[0] not in MODULES
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
            return start.startswith("lowerbound.")
    return False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_no_code_of_a_files_is_run(path):
    assert [*faults(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import yaml.loader",
        "import subprocess as s",
        "from os import system",
        "eval(text)",
        "run = exec",
        "__import__(name)",
        "import_module(name)",
        "importlib.import_module(f'{name}.x')",
        "f = importlib.import_module",
        "import_module(f'lowerbound{name}')",
        "import_module('pickle')",
        "np.load(path)",
        "np.save(path, x, allow_pickle=True)",
        "np.save(path, x, allow_pickle=flag)",
        "pandas.read_pickle(path)",
        "os.execv(path, [])",
        "loader.exec_module(module)",
    ],
)
def test_what_may_not_be_is_found(source):
    assert [*faults(source)] != []


@pytest.mark.parametrize(
    "source",
    [
        "import_module('pandas')",
        "importlib.import_module(f'lowerbound.{name}')",
        "re.compile(pattern)",
        "step.lower(x).compile()",
        "np.save(path, x, allow_pickle=False)",
        "lb.load(path)",
    ],
)
def test_what_may_be_is_not(source):
    assert [*faults(source)] == []
