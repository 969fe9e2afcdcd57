import pyarrow as pa
import pytest
from pyarrow import parquet

from longspan.core.errors import InputError
from longspan.evals.benchmarks.lcfo import TASKS

ROWS = [
    {"id": 1, "source": "one two three four", "summary_20": "one two", "summary_10": "one", "summary_5": "two"},
    {"id": 2, "source": None, "summary_20": "a", "summary_10": "b", "summary_5": "c"},
]


@pytest.fixture
def write(tmp_path):
    (tmp_path / "data").mkdir()

    def to(rows):
        parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "data" / "source_data.parquet")
        return tmp_path

    return to


def test_rows_with_a_source_are_summarized_and_expanded(write):
    folder = write(ROWS)
    (summary,) = TASKS["lcfo/summary_10"].load(folder)
    assert (summary.context, summary.answers) == ("one two three four", ("one",))
    (expanded,) = TASKS["lcfo/expand_5"].load(folder)
    assert (expanded.context, expanded.answers) == ("two", ("one two three four",))
    assert "about 4 words" in expanded.after
    assert summary.id != expanded.id


def test_unknown_columns_are_listed(write):
    folder = write([{"source": "x", "long_20": "y", "also_20": "z"}])
    with pytest.raises(InputError, match="20 in its name are wanted, not 'source', 'long_20', 'also_20'"):
        list(TASKS["lcfo/summary_20"].load(folder))
    (folder / "data" / "source_data.parquet").write_text("no parquet")
    with pytest.raises(InputError, match=r"source_data\.parquet"):
        list(TASKS["lcfo/summary_20"].load(folder))


def test_replies_are_compared_by_rouge_l():
    task = TASKS["lcfo/summary_20"]
    record = {"prediction": "one two", "reference": "one two three four"}
    assert task.rule.grade(*task.read(record)) == pytest.approx(2 * 1 * 0.5 / 1.5, abs=1e-6)
    with pytest.raises(KeyError):
        task.read({"prediction": "x"})
