"""inspect_ai drives our engine: one of its own evaluations, from samples to scores."""

import pytest
from tests.models.tiny_model import saved

inspect_ai = pytest.importorskip("inspect_ai", reason="needs pip install 'longspan[inspect]'")

from inspect_ai.dataset import Sample  # noqa: E402  # only where the harness is installed
from inspect_ai.model import get_model  # noqa: E402  # as above
from inspect_ai.scorer import includes  # noqa: E402  # as above

import longspan.evals.adapters.inspect  # noqa: E402, F401  # the entry point does this where longspan is installed


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = saved(tmp_path_factory.mktemp("small") / "tiny", num_hidden_layers=2)
    return get_model(f"longspan/{folder}", device="cpu", dtype="float32")


def test_an_evaluation_runs_from_samples_to_scores(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = [Sample(input="What does yield do?", target="no such word"), Sample(input="word " * 2000, target="x")]
    task = inspect_ai.Task(dataset=samples, scorer=includes())
    (log,) = inspect_ai.eval(task, model=model, max_tokens=5, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    short, long = log.samples
    assert (short.output.stop_reason, short.output.usage.output_tokens) == ("max_tokens", 5)
    assert long.output.stop_reason == "model_length"
    assert short.scores["includes"].value == "I"
