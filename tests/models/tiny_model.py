"""A whole tiny model: random weights, and a real byte-pair tokenizer with a chat format, trained on the spot."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from longspan.models.model import Model
from longspan.models.tiny import tiny

TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
CONTROL = "<|tool|>"
"""A control token that has no role of its own in the tokenizer's settings."""


@cache
def vocabulary() -> str:
    """A byte-level vocabulary of English, as tokenizer.json."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<pad>", "<|start|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([topics["yield"], topics["continue"], topics["function"]], trainer)
    made.add_special_tokens([AddedToken(CONTROL, special=True)])
    return made.to_str()


def tokenizer() -> PreTrainedTokenizerFast:
    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(vocabulary()),
        bos_token="<|start|>",
        eos_token="<|end|>",
        pad_token="<pad>",
    )
    made.chat_template = TEMPLATE
    return made


def tiny_model(family: str = "llama", **changes: Any) -> Model:
    words = tokenizer()
    settings = {"vocab_size": len(words), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, **changes}
    return Model(tiny(family, **settings), words, name=f"tiny-{family}")


def saved(folder: Path, network: Any = None, **changes: Any) -> Path:
    """A model directory as transformers writes it."""
    words = tokenizer()
    logging.disable_progress_bar()
    (network or tiny_model(**changes).network).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
