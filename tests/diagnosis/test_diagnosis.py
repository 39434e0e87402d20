"""What a diagnosis says, in a sentence."""

from lowerbound.diagnosis.diagnosis import Verdict, overall


def test_the_verdict_counts():
    well, ill = (Verdict("a", healthy, "") for healthy in (True, False))
    assert overall([well] * 7) == "None of seven checks calls for a change."
    assert overall([well, ill, ill]) == "Two of three checks call for a change."
    assert overall([ill]) == "The one check calls for a change."
    assert overall([ill] * 12) == "All of 12 checks call for a change."
    assert overall([]) == "Nothing was checked."
