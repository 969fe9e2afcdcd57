"""inspect_ai drives our engine as its users have it do: its command evaluates, its log has samples and scores."""

import json
import os
import subprocess
import sys

from tests.models.tiny_model import saved

TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes

import longspan.evals.adapters.inspect  # the entry point does this where longspan is installed

@task
def asked():
    samples = [Sample(input="What does yield do?", target="no such word"), Sample(input="word " * 2000, target="x")]
    return Task(dataset=samples, scorer=includes())
"""


def test_an_evaluation_runs_from_samples_to_scores(tmp_path):
    folder = saved(tmp_path / "tiny", num_hidden_layers=2)
    (tmp_path / "asked.py").write_text(TASK, "utf-8")
    command = [sys.executable, "-m", "inspect_ai", "eval", "asked.py", "--model", f"longspan/{folder}"]
    options = ["-M", "device=cpu", "-M", "dtype=float32", "--max-tokens", "5", "--display", "plain"]
    logs = ["--log-dir", "logs", "--log-format", "json"]
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [*command, *options, *logs],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (tmp_path / "logs").glob("*.json")
    log = json.loads(file.read_text("utf-8"))
    assert log["status"] == "success"
    short, long = log["samples"]
    assert short["output"]["choices"][0]["stop_reason"] == "max_tokens"
    assert short["output"]["usage"]["output_tokens"] == 5
    assert long["output"]["choices"][0]["stop_reason"] == "model_length"
    assert short["scores"]["includes"]["value"] == "I"
