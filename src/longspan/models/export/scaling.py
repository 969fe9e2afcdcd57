"""A method's frequencies as transformers' own settings: what may express them is tried, and kept where it does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation, Spectrum
from longspan.models.method import Method
from longspan.models.rotary import StandIn, layer_types, read_rope
from longspan.models.session import SLIDING

NATIVE: dict[str, tuple[str, tuple[str, ...]]] = {
    "yarn": ("yarn", ("factor", "beta_fast", "beta_slow", "truncate")),
    "llama3": ("llama3", ("factor", "low_freq_factor", "high_freq_factor")),
    "dynamic_ntk": ("dynamic", ("factor",)),
}
"""Methods that transformers has too: its name for them, and the settings both share."""
STILL = 1e30
"""What the frequency of a channel pair that does not turn is divided by."""
CLOSE = 2e-6
"""Relative difference of frequencies and temperatures that are the same number."""
Spectrum_P = tuple[Tensor, float]
"""Frequencies [P] and temperature."""


class Inexpressible(InputError):
    """No setting gives the method's frequencies; the message is the reason alone."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Settings under which transformers turns queries and keys as a method does."""

    parameters: dict[str, Any]
    """Transformers' `rope_parameters` of the layers that the method changes."""
    layer_type: str
    """The type of those layers where types have rotary embeddings of their own; else empty."""
    window: int
    """Transformers' `max_position_embeddings`."""
    trained: int
    """Tokens of the model's own window."""
    length: int
    """Tokens that requests may reach."""
    within: bool
    """Holds for requests within the trained window too; else only for longer ones."""
    plain: bool
    """The model has no scaling of its own."""
    half: bool
    """Channels turn in halves, as most models have them."""


def scaling(network: Any, method: Method, length: int) -> Scaling:
    """Find the settings for requests of up to `length` tokens; Inexpressible where there are none."""
    kind, rope = changed_rope(network)
    if length <= rope.window:
        raise InputError(f"{length:,} tokens are within the window of {rope.window:,}: nothing is to be extended")
    own = _parameters(network, kind)
    if own["rope_type"] in ("dynamic", "longrope"):
        raise Inexpressible(f"the model's own scaling, {own['rope_type']}, depends on the length of a request already")
    spectra = {n: _ours(method.rope, rope, n) for n in _lengths(rope.window, length)}
    kept = {"rope_theta": rope.base, **{key: own[key] for key in ("partial_rotary_factor",) if key in own}}
    plain = _same(_plain(rope), (rope.rotation.frequencies_P, rope.rotation.temperature))
    half, beyond_only = rope.rotation.layout == "half", None
    for form in _forms(method.rope, rope, spectra):
        window = rope.window if form["rope_type"] == "dynamic" else _reach(form, rope, length)
        made = Scaling({**kept, **form}, kind, window, rope.window, length, True, plain, half)
        right = {n: _same(theirs(network, made, n), ours) for n, ours in spectra.items()}
        if all(right.values()):
            return made
        if beyond_only is None and all(held for n, held in right.items() if n > rope.window):
            beyond_only = replace(made, within=False)
    if beyond_only is None:
        raise Inexpressible(_reason(spectra, rope.window))
    return beyond_only


def changed_rope(network: Any) -> tuple[str, Rope]:
    """The rotary embedding that methods change, and the layer type it belongs to."""
    decoder = network.get_decoder()
    kind = next(kind for kind in layer_types(decoder) if kind != SLIDING)
    return kind, read_rope(decoder, kind)


def _parameters(network: Any, kind: str) -> dict[str, Any]:
    """The model's own settings of its rotary embedding."""
    parameters: dict[str, Any] = network.get_decoder().config.rope_parameters
    return parameters[kind] if kind else parameters


def configured(config: Any, made: Scaling) -> Any:
    """A copy of a model's configuration with these settings."""
    config = deepcopy(config)
    text = config.get_text_config()
    if made.layer_type:
        text.rope_parameters = {**text.rope_parameters, made.layer_type: dict(made.parameters)}
    else:
        text.rope_parameters = dict(made.parameters)
    text.max_position_embeddings = made.window
    return config


def rotary(network: Any, config: Any) -> Any:
    """The model's own kind of rotary module, of another configuration."""
    own = network.get_decoder().rotary_emb
    module = type(own.inner if isinstance(own, StandIn) else own)(config=config.get_text_config())
    return module.to(network.device)


def theirs(network: Any, made: Scaling, length: int) -> Spectrum_P:
    """What transformers turns by in a request of `length` tokens."""
    module = rotary(network, configured(network.config, made))
    last = torch.tensor([[length - 1]], device=network.device)
    module(torch.zeros(1, device=network.device), last, *([made.layer_type] if made.layer_type else []))
    prefix = f"{made.layer_type}_" if made.layer_type else ""
    temperature = getattr(module, f"{prefix}attention_scaling")
    return getattr(module, f"{prefix}inv_freq").float().cpu(), float(temperature)


def _plain(rope: Rope) -> Spectrum_P:
    """Frequencies of the base alone."""
    exponent_P = torch.arange(0, rope.dim, 2).float() / rope.dim
    return 1.0 / rope.base**exponent_P, 1.0


def _ours(spectrum: Spectrum, rope: Rope, length: int) -> Spectrum_P:
    """What the method turns by; Inexpressible where it does more than turn every token by the same frequencies."""
    rotation = spectrum(rope, length)
    known = ("frequencies_P", "temperature", "layout")
    for field in fields(Rotation):
        value = getattr(rotation, field.name)
        if field.name not in known and (isinstance(value, Tensor) or value != field.default):
            raise Inexpressible("it treats some tokens or layers apart, which settings of frequencies do not reach")
    return rotation.frequencies_P, rotation.temperature


def _lengths(window: int, length: int) -> list[int]:
    """Lengths of request at which frequencies are compared."""
    return sorted({max(1, window // 2), window, window + 1, (window + 1 + length) // 2, length})


def _forms(spectrum: Spectrum, rope: Rope, spectra: dict[int, Spectrum_P]) -> Iterator[dict[str, Any]]:
    """Settings that may give the frequencies, the simplest first."""
    (plain_P, _), (far_P, temperature) = _plain(rope), spectra[max(spectra)]
    slowest = float(plain_P[-1].double() / far_P[-1].double())
    if slowest >= 1 and slowest != float("inf"):
        if rope.dim > 2:
            base = rope.base * slowest ** (rope.dim / (rope.dim - 2))
            yield {"rope_type": "default", "rope_theta": _rounded(base)}
        yield {"rope_type": "linear", "factor": _rounded(slowest)}
    name = type(spectrum).__module__.rpartition(".")[2]
    if name in NATIVE:
        kind, shared = NATIVE[name]
        form = {"rope_type": kind, **{field: getattr(spectrum, field) for field in shared}}
        trained = {} if kind == "dynamic" else {"original_max_position_embeddings": rope.window}
        yield {**form, **trained}
        yield {**form, **trained, "attention_factor": temperature}
    yield {
        "rope_type": "longrope",
        "short_factor": _divisors(plain_P, spectra[rope.window][0]),
        "long_factor": _divisors(plain_P, far_P),
        "factor": max(spectra) / rope.window,
        "attention_factor": temperature,
        "original_max_position_embeddings": rope.window,
    }


def _rounded(value: float) -> float:
    """As exact as float32 frequencies tell."""
    return float(f"{value:.7g}")


def _divisors(plain_P: Tensor, slowed_P: Tensor) -> list[float]:
    ratio_P = plain_P.double() / slowed_P.double()
    return [min(divisor, STILL) for divisor in ratio_P.tolist()]


def _reach(form: dict[str, Any], rope: Rope, length: int) -> int:
    """The window to announce: what the factor promises, and never less than was asked for."""
    return max(length, round(rope.window * form.get("factor", 1.0)))


def _same(a: Spectrum_P, b: Spectrum_P) -> bool:
    frequencies = torch.allclose(a[0], b[0], rtol=CLOSE, atol=1e-12)
    return frequencies and math.isclose(a[1], b[1], rel_tol=CLOSE)


def _reason(spectra: dict[int, Spectrum_P], window: int) -> str:
    beyond = [spectrum for length, spectrum in spectra.items() if length > window]
    if not all(_same(beyond[0], other) for other in beyond):
        return "its frequencies change with the length of every request"
    return "no kind of scaling gives its frequencies"
