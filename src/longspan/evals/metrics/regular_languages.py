"""RegBench's rule: the next symbol must be one that the automaton allows. https://arxiv.org/abs/2401.12973"""

from __future__ import annotations

from longspan.evals.task import Rule, Sample


def legal(prediction: str, sample: Sample) -> float:
    """1 when the reply's first symbol is one of those that may follow.

    The benchmark takes the symbol that a model holds likeliest at every place of the text; this takes what it writes,
    at one place. Quotation marks and full stops around the symbol do not count.
    """
    first = prediction.split(maxsplit=1)[:1]
    return float(bool(first) and first[0].strip("\"'`.,:;|") in sample.answers)


LEGAL = Rule("regbench.legal_symbol", legal, "berlino/seq_icl 9b9223d")
