"""Models of known shapes with random weights: how fast a machine runs such a size, without its weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

from longspan.core.errors import InputError
from longspan.models.half import halve
from longspan.models.model import Model
from longspan.models.precision import find_device, find_precision
from longspan.models.pull import ensure

PREFIX = "random:"
"""Begins the name of a model that is made and not loaded."""
TOKENIZER = "smollm2"
"""Whose tokenizer they have."""
SHAPES: dict[str, dict[str, Any]] = {
    "1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "tie_word_embeddings": True},
    "8b": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "tie_word_embeddings": False},
}
"""Of Llama 3.2 1B and Llama 3.1 8B; what they have in common follows."""
COMMON: dict[str, Any] = {
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
    "max_position_embeddings": 131_072,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0},
}


def shaped(name: str, *, device: str = "auto", dtype: str = "auto", seed: int = 0) -> Model:
    """The model `random:1b` or `random:8b`; InputError for another shape, or a device or precision that is not there.

    What it writes means nothing. Text is cut into tokens by SmolLM2's tokenizer, which is downloaded if need be.
    """
    shape = SHAPES.get(name.removeprefix(PREFIX))
    if shape is None:
        raise InputError(f"no shape {name!r}: there are {', '.join(PREFIX + each for each in SHAPES)}")
    where = find_device(device)
    precision = find_precision(dtype, where)
    tokenizer = AutoTokenizer.from_pretrained(ensure(TOKENIZER))
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    with torch.device(where):
        network = AutoModelForCausalLM.from_config(
            LlamaConfig(**COMMON, **shape),
            dtype=torch.bfloat16 if precision.halved else precision.dtype,
            attn_implementation="sdpa",
        )
    torch.random.set_rng_state(state)
    if precision.halved:
        halve(network)
    return Model(network.eval(), tokenizer, name=name)
