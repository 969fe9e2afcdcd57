"""lm-evaluation-harness drives our engine."""

import pytest
from lm_eval.api.instance import Instance
from tests.models.tiny_model import saved

from longspan.evals.adapters.lm_eval import Longspan
from longspan.lm.lm import OverLength


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    folder = saved(tmp_path_factory.mktemp("small") / "tiny", num_hidden_layers=2)
    return Longspan(model=str(folder), device="cpu", dtype="float32")


def request(kind, *arguments):
    return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)


def test_likelihoods_are_those_of_the_network(adapter):
    import torch

    context, continuation = "The yield expression", " pauses the function"
    ((score, _),) = adapter.loglikelihood([request("loglikelihood", context, continuation)])
    whole, before = adapter._model.encode(context + continuation), adapter._model.encode(context)
    with torch.no_grad():
        logits = adapter._model.network(torch.tensor([whole])).logits[0].log_softmax(-1)
    wanted = sum(logits[at - 1, whole[at]] for at in range(len(before), len(whole)))
    assert score == pytest.approx(float(wanted), abs=1e-3)


def test_replies_keep_to_their_tokens_and_stop_strings(adapter):
    prompt = "What does yield do?"
    settings = {"until": [], "max_gen_toks": 6, "do_sample": False}
    (reply,) = adapter.generate_until([request("generate_until", prompt, settings)])
    stop = reply[2:4]
    (stopped,) = adapter.generate_until([request("generate_until", prompt, {**settings, "until": [stop]})])
    assert stopped == reply[: reply.index(stop)]


def test_what_does_not_fit_is_refused(adapter):
    with pytest.raises(OverLength):
        adapter.generate_until([request("generate_until", "word " * 2000, {"until": []})])
