"""lm-evaluation-harness on our engine: `python -m longspan.evals.adapters.lm_eval --model longspan --tasks ...`.

All further arguments are the harness's own. `--model_args model=smollm2,device=cpu` names the model; a method that has
commas is given as JSON: `--model_args '{"model": "smollm2", "method": "kv=snapkv:budget=512,window=16"}'`. A prompt
that does not fit with its reply is an error with the numbers, never cut. https://github.com/EleutherAI/lm-evaluation-harness
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from lm_eval.__main__ import cli_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from tqdm import tqdm

from longspan.core.errors import InputError
from longspan.decode.generate import Generation, Limits
from longspan.decode.sampling import Sampling
from longspan.lm.lm import OverLength
from longspan.models import ensure
from longspan.models.method import Method
from longspan.models.model import Model

REPLY = 256
"""Tokens of a reply where a task does not say."""
Requests: TypeAlias = Sequence[Instance]


@register_model("longspan")
class Longspan(LM):
    """A model on this machine, run by any method."""

    def __init__(
        self, model: str, method: str = "", device: str = "auto", dtype: str = "auto", **others: object
    ) -> None:
        super().__init__()
        unknown = set(others) - {"batch_size", "max_batch_size", "tokenizer", "pretrained", "metadata"}
        if unknown:
            raise InputError(f"model_args has {', '.join(sorted(unknown))}: it takes model, method, device and dtype")
        # The harness says cuda:0 where nobody named a device.
        device = "auto" if not device or (device == "cuda:0" and not torch.cuda.is_available()) else device
        self._model = Model.load(ensure(model), device=device, dtype=dtype)
        self._method = Method.parse(method)
        self._window = 0 if self._method.extends else self._model.window

    @property
    def tokenizer_name(self) -> str:
        """What the harness knows the chat format by."""
        return self._model.name

    def chat_template(self, chat_template: bool | str = False) -> str:
        """The model's own chat format."""
        return str(self._model.tokenizer.chat_template or "")

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A chat as one prompt; without a generation prompt the last turn is the beginning of the reply."""
        return self._model.render([(turn["role"], turn["content"]) for turn in chat_history])

    def generate_until(self, requests: Requests) -> list[str]:
        """Reply to each prompt; OverLength for one that does not fit."""
        replies = []
        for request in tqdm(requests, desc="longspan", disable=self.rank != 0):
            prompt, settings = request.args
            replies.append(self._reply(prompt, dict(settings)))
            self.cache_hook.add_partial("generate_until", request.args, replies[-1])
        return replies

    def loglikelihood(self, requests: Requests) -> list[tuple[float, bool]]:
        """Log-probability of each continuation, and whether it is the likeliest one."""
        return [self._likelihood(*self._split(*request.args)) for request in requests]

    def loglikelihood_rolling(self, requests: Requests) -> list[float]:
        """Log-probability of whole texts, each read in one piece: OverLength where it does not fit."""
        begin = self._model.tokenizer.bos_token_id or next(iter(sorted(self._model.ends)))
        return [self._likelihood([begin], self._model.encode(request.args[0]))[0] for request in requests]

    def _reply(self, prompt: str, settings: dict[str, Any]) -> str:
        tokens = self._model.encode(prompt)
        until = settings.get("until") or []
        limit = int(settings.get("max_gen_toks", REPLY))
        self._check(len(tokens), limit)
        sampled = bool(settings.get("do_sample")) and float(settings.get("temperature") or 0) > 0
        sampling = Sampling(
            temperature=float(settings["temperature"]) if sampled else 0.0, top_p=float(settings.get("top_p") or 1.0)
        )
        limits = Limits(limit, tuple([until] if isinstance(until, str) else until), self._model.ends)
        with self._model.open(self._method, length=len(tokens) + limit) as session:
            generation = Generation(
                session, self._model.decode, sampling=sampling, limits=limits, draft=session.draft()
            )
            for _ in generation.run([tokens]):
                pass
        return generation.replies[0].text

    def _split(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Tokens of both, cut where the continuation begins in their joint text; spaces belong to what follows."""
        kept = context.rstrip()
        continuation = context[len(kept) :] + continuation
        whole, before = self._model.encode(kept + continuation), self._model.encode(kept)
        begin = self._model.tokenizer.bos_token_id or next(iter(sorted(self._model.ends)))
        return (before, whole[len(before) :]) if before else ([begin], whole)

    def _likelihood(self, context: list[int], continuation: list[int]) -> tuple[float, bool]:
        self._check(len(context), len(continuation))
        with self._model.open(self._method, length=len(context) + len(continuation)) as session:
            logits_TV = session.prefill([context])
            if len(continuation) > 1:
                rest_TV = session.decode(torch.tensor([continuation[:-1]]))[0]
                logits_TV = torch.cat([logits_TV, rest_TV])
        wanted_T = torch.tensor(continuation, device=logits_TV.device)
        chosen_T = logits_TV.log_softmax(-1).gather(1, wanted_T[:, None])
        return float(chosen_T.sum()), bool((logits_TV.argmax(-1) == wanted_T).all())

    def _check(self, tokens: int, reply: int) -> None:
        if self._window and tokens + reply > self._window:
            raise OverLength(self._model.name, window=self._window, tokens=tokens, max_tokens=reply)


if __name__ == "__main__":
    cli_evaluate()
