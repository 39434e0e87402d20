"""The description, tried by a stranger: schemathesis asks what it allows, and what it does not."""

import os
import re
import shutil
import subprocess

import pytest

from lowerbound.serve.limits import Limits

from .live import live

# As many of each of its kinds a route; with these some thousands of requests a run.
CASES = os.environ.get("LOWERBOUND_CASES", "400")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance", "unsupported_method"),
)
# These can take seconds.
LONG = ("/impute", "/surprise", "/sample")


@pytest.mark.slow
@pytest.mark.parametrize("run", ["digits", "mixed"])
def test_no_request_is_answered_otherwise_than_described(run, request, tmp_path):
    """No answer of 5xx, none of another shape or type than the description says. `pip install schemathesis`,
    where it is not: it asks for other versions of what is pinned here, so that it has an environment of its
    own, whose programs the PATH finds."""
    program = shutil.which("st")
    if program is None:
        pytest.skip("no schemathesis: install it into an environment whose bin is in PATH")
    patient = Limits(rows=10, samples=20, seconds=600, waiting=4096)
    with live(request.getfixturevalue(run), patient) as url:
        for flag, cases in (("--exclude-path", CASES), ("--include-path", "5")):
            words = [program, "run", f"{url}/openapi.json", "-n", cases, "-c", ",".join(CHECKS)]
            words += [word for path in LONG for word in (flag, path)]
            words += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color"]
            words += ["--wait-for-schema", "600", "--request-timeout", "600"]
            words += ["--suppress-health-check", "all", "--seed", "1"]
            done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, done.stdout[-8000:]
            assert int(re.search(r"(\d+) generated", done.stdout)[1]) > int(cases)
