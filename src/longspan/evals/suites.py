"""Named choices of tasks."""

from __future__ import annotations

from longspan.evals.catalog import select

SUITES: dict[str, tuple[str, ...]] = {
    "core": (
        "ruler/niah_multikey_1",
        "ruler/vt",
        "ruler/fwe",
        "ruler/qa_2",
        "label_icl/words",
        "longproc/html_to_tsv_brief",
    ),
    "ruler": ("ruler/*",),
    "infinitebench": ("passkey", "number_string", "key_value", "math_find", "math_calc", "code_run"),
    "docs": ("ruler/niah_single_2", "ada_leval/textsort_ours", "cloze"),
}
"""`core`: one task per ability; `docs`: what can be made of any document."""


def expand(text: str) -> list[str]:
    """Names of the tasks that a list of suites, names and patterns by commas chooses; InputError for unknown ones."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    return select([name for word in words for name in SUITES.get(word, (word,))])
