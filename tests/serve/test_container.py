"""The container, which is built where Docker is: what its file names is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
STEPS = (REPOSITORY / "Dockerfile").read_text("utf-8")


def lists(instruction):
    """The lists of words that an instruction is given."""
    found = re.findall(rf"(?:^|\s){instruction}\s+(\[.*\])$", STEPS, flags=re.M)
    return [[word.strip('",') for word in shlex.split(each[1:-1].replace(",", " "))] for each in found]


def test_what_it_runs_is_a_verb_with_these_options():
    from typer.main import get_command

    from lowerbound.cli.app import app

    (words,) = lists("ENTRYPOINT")
    assert words[:4] == ["python", "-m", "lowerbound", "serve"]
    verb = get_command(app).commands["serve"]
    known = {name for parameter in verb.params for name in parameter.opts}
    page = (REPOSITORY / "docs" / "deploy.md").read_text("utf-8")
    asked = {word for word in words if word.startswith("--")} | {"--allow-host", "--token-file"}
    assert asked <= known
    assert "--allow-host" in page
    assert "LOWERBOUND_TOKEN" in page


def test_what_it_copies_is_there_and_not_ignored():
    kept = (REPOSITORY / ".dockerignore").read_text("utf-8").split()
    copied = [words.split()[0] for words in re.findall(r"^COPY (?!--from)(.*)$", STEPS, flags=re.M)]
    assert copied == ["requirements-serve.lock", "src/lowerbound"]
    for name in copied:
        assert (REPOSITORY / name).exists()
        assert f"!{name}" in kept


def test_it_installs_what_is_pinned_by_hash_and_all_that_a_service_needs():
    (install,) = (words for words in lists("RUN") if "install" in words and "-r" in words)
    assert "--require-hashes" in install
    locked = (REPOSITORY / "requirements-serve.lock").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z][a-z0-9-]*)==", locked, flags=re.M))
    declared = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    needed = re.search(r"^dependencies = \[\n(.*?)^\]", declared, flags=re.M | re.S)[1]
    needed += re.search(r"^serve = \[\n(.*?)^\]", declared, flags=re.M | re.S)[1]
    assert set(re.findall(r'^    "([a-z-]+)', needed, flags=re.M)) <= pinned
    assert "http://" not in locked
    assert "https://" not in locked


def test_it_is_no_ones_process_and_has_a_health_check():
    assert re.search(r"^USER 10001:10001$", STEPS, flags=re.M)
    assert "/live" in re.search(r"^HEALTHCHECK .*\n.*$", STEPS, flags=re.M)[0]
    assert "STOPSIGNAL SIGTERM" in STEPS


@pytest.mark.thorough
def test_its_health_check_fails_where_nothing_answers():
    (check,) = (words for words in lists("CMD"))
    code = check[2].replace(":8000", ":9")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 1
