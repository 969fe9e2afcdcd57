"""Tiny models with random weights, one per family: what every method is tested on, offline."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma3TextConfig,
    GlmConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
)

from longspan.core.errors import InputError

SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 128,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 127,
}
FAMILIES: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "llama": (LlamaConfig, {}),
    "mistral": (MistralConfig, {"sliding_window": 16}),
    "qwen2": (Qwen2Config, {}),
    "qwen3": (Qwen3Config, {"head_dim": 16}),
    "phi": (PhiConfig, {"num_key_value_heads": 8}),
    "phi3": (Phi3Config, {}),
    "gemma3": (Gemma3TextConfig, {"head_dim": 16, "sliding_window": 16, "num_hidden_layers": 7}),
    "glm": (GlmConfig, {"head_dim": 8}),
    "cohere": (CohereConfig, {}),
}


def tiny(family: str = "llama", *, seed: int = 0, **changes: Any) -> Any:
    """A random model of a family, in float32 on the CPU; `changes` override its configuration."""
    if family not in FAMILIES:
        raise InputError(f"no tiny model of family {family!r}; there are {', '.join(FAMILIES)}")
    config_class, own = FAMILIES[family]
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    config = config_class(**{**SHAPE, **own, **changes})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    torch.random.set_rng_state(state)
    return model
