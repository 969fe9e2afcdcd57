"""Replies are as likely as the model's own logits over prompt and reply say."""

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.decode.rating import rate
from longspan.models.method import Method

MODEL = tiny_model()
PROMPT = MODEL.encode("What does the statement do that yields a value and waits?")
REPLIES = [MODEL.encode(text) for text in ("It returns.", "It", "Nothing of that kind, says the book.")]


def whole(reply):
    tokens = torch.tensor([[*PROMPT, *reply]])
    with torch.inference_mode():
        logits_TV = MODEL.network(tokens).logits[0].float().log_softmax(-1)
    return sum(float(logits_TV[len(PROMPT) - 1 + at, token]) for at, token in enumerate(reply))


@pytest.mark.parametrize("cut", [0, 5])
def test_each_reply_is_as_likely_as_prompt_and_reply_read_at_once(cut):
    rated = rate(MODEL, None, [PROMPT[:cut], PROMPT[cut:]], REPLIES)
    assert rated == pytest.approx([whole(reply) for reply in REPLIES], abs=1e-4)


def test_a_method_that_cannot_forget_reads_the_prompt_again():
    method = Method.parse("kv=tova:budget=8,every=1")
    together = rate(MODEL, method, [PROMPT], REPLIES)
    assert together == pytest.approx([rate(MODEL, method, [PROMPT], [reply])[0] for reply in REPLIES], abs=1e-4)


def test_an_empty_reply_is_refused():
    with pytest.raises(InputError, match="no tokens"):
        rate(MODEL, None, [PROMPT], [[]])
