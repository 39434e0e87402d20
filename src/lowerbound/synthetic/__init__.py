"""Synthetic rows, judged beside real ones: margins, pairs, detection, use, and whether they are copies."""
