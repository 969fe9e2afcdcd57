"""What vLLM and llama.cpp compute of their settings, pair by pair from their own formulas."""

from __future__ import annotations

import math
from typing import Any


def vllm(parameters: dict[str, Any], dim: int) -> tuple[list[float], float]:
    """Angular frequency of every channel pair, and the factor on cosine and sine, once vLLM has started."""
    base, kind = parameters["rope_theta"], parameters["rope_type"]
    plain = [base ** (-2 * pair / dim) for pair in range(dim // 2)]
    if kind == "default":
        return plain, 1.0
    if kind == "linear":
        return [each / parameters["factor"] for each in plain], 1.0
    if kind == "longrope":
        divided = [each / by for each, by in zip(plain, parameters["long_factor"], strict=True)]
        return divided, parameters["long_mscale"]
    if kind == "llama3":
        return [_llama3(each, parameters) for each in plain], 1.0
    assert kind == "yarn"
    low, high = _ramp(dim, base, parameters)
    slowed = [_yarn(pair, each, parameters["factor"], low, high) for pair, each in enumerate(plain)]
    return slowed, parameters.get("attention_factor", 1 + 0.1 * math.log(parameters["factor"]))


def llamacpp(flags: list[str], dim: int, base: float) -> tuple[list[float], float]:
    """The same of llama.cpp, from its flags and the base that the GGUF file holds."""
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    base = float(given.get("--rope-freq-base", base))
    plain = [base ** (-2 * pair / dim) for pair in range(dim // 2)]
    factor = float(given.get("--rope-scale", 1))
    if given.get("--rope-scaling", "linear") == "linear":
        return [each / factor for each in plain], 1.0
    betas = {name: float(given[f"--yarn-{name.replace('_', '-')}"]) for name in ("beta_fast", "beta_slow")}
    trained = {"original_max_position_embeddings": int(given["--yarn-orig-ctx"])}
    low, high = _ramp(dim, base, {**betas, **trained})
    return [_yarn(pair, each, factor, low, high) for pair, each in enumerate(plain)], 1 + 0.1 * math.log(factor)


def _ramp(dim: int, base: float, parameters: dict[str, Any]) -> tuple[float, float]:
    window = parameters["original_max_position_embeddings"]

    def pair_that_turns(times: float) -> float:
        return dim * math.log(window / (times * 2 * math.pi)) / (2 * math.log(base))

    low, high = pair_that_turns(parameters["beta_fast"]), pair_that_turns(parameters["beta_slow"])
    if parameters.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    return max(low, 0), min(high, dim - 1)


def _yarn(pair: int, plain: float, factor: float, low: float, high: float) -> float:
    slowed = min(1.0, max(0.0, (pair - low) / max(0.001, high - low)))
    return plain / factor * slowed + plain * (1 - slowed)


def _llama3(plain: float, parameters: dict[str, Any]) -> float:
    turns = parameters["original_max_position_embeddings"] * plain / (2 * math.pi)
    low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
    if turns > high:
        return plain
    if turns < low:
        return plain / parameters["factor"]
    smooth = (turns - low) / (high - low)
    return (1 - smooth) * plain / parameters["factor"] + smooth * plain
