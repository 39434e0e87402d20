"""What the console says of records, without a run."""

import math
from dataclasses import replace

from lowerbound.archive.records import BaselineScore
from lowerbound.cli.console import print_metrics

from ..archive.test_records import METRICS


def test_of_one_row_there_is_a_number_and_no_error(capsys):
    baseline = BaselineScore(-13.0, math.nan, 1.0, math.nan, "by EM")
    one = replace(
        METRICS, n_rows=1, rows_not_finite=(), elbo_standard_error=math.nan, baselines={"mixture": baseline}
    )
    print_metrics(one)
    said = capsys.readouterr().out
    assert "nan" not in said
    assert said.startswith("1 row of 4;")
    for number in ("−12.00", "−12.50", "−13.00", "+1.00"):
        assert f"{number} (one row, no error)" in said
