"""How fast a server computes, by digests of numbers: what the reference machine takes for one, and the words for a ratio to it.

Not for what else a processor is busy with in a statement (``duration``). The surprising thing: the same words come of the short
query that every reading takes and of the longer ones of ``--calibrate``; what says it later takes the place of what said it.
"""

from __future__ import annotations

from lockage.core.forecast.target_reading import Sample

COMPUTE_ROW_S = 0.215e-6
"""Reference machine: ``count(md5(g::text))``, a row."""

_SAYS = "the server computes in "


def computing_ratio(sample: Sample) -> float:
    """Of the reference's time, by a sample of digests."""
    return sample.seconds / (sample.rows * COMPUTE_ROW_S)


def computing_sentence(ratio: float, by: str) -> str:
    """For people: the ratio, and what it was found by."""
    return f"{_SAYS}{ratio:.2g} times the time of the reference, by {by} without a table"


def says_computing(sentence: str) -> bool:
    """Whether it is such a sentence."""
    return sentence.startswith(_SAYS)
