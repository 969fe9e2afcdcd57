"""The ways to read a document, what each costs here, and the rule that picks one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.plan.machine import Machine
from longspan.plan.shape import Shape
from longspan.plan.speed import Speed

NAMES = ("full", "retrieve", "stream")
CHUNK = 512
"""Prompt tokens of a forward pass."""
PASSAGES = 2000
"""Tokens of passages that are packed at most: more of them answered no better in our trials."""

LAST = "Ask about less text, lower --max-tokens, or use a model with a larger window"
"""What to do where no route can be taken."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, in tokens."""

    document_tokens: int
    question_tokens: int
    """The question and everything the prompt puts around the text."""
    max_tokens: int
    """Tokens of the reply at most."""
    retrieve_budget: int
    """Tokens of passages that retrieval may pack."""
    effective: int = 0
    """Tokens up to which the model was measured to find things; 0 unknown."""


@dataclass(frozen=True, slots=True)
class Route:
    """A way to read the documents and its price."""

    name: str
    prompt_tokens: int
    """Tokens that the model reads."""
    kv_bytes: int
    """Stored tokens on the computing device, at the end."""
    host_bytes: int
    """Stored tokens at rest in host memory."""
    peak_bytes: int
    """Most memory at any time, weights included."""
    seconds: float
    """To read the prompt and write half of max_tokens; an index that must be built first not included."""
    fits: bool
    reason: str
    """Why it fits or does not."""


@dataclass(frozen=True, slots=True)
class Stream:
    """How to stream a text through a model: its start, near tokens, and some matching blocks."""

    init: int
    local: int
    blocks: int
    block: int
    reach: int
    """The greatest distance that the model sees."""

    @property
    def seen(self) -> int:
        """Stored tokens that a call reads at most."""
        return self.init + self.local + self.block + self.blocks * self.block + CHUNK

    @property
    def method(self) -> str:
        """As a method string; distances end where the local window does."""
        return (
            f"kv=infllm:init={self.init},local={self.local},blocks={self.blocks},block={self.block} "
            f"positions=rerope:window={self.reach}"
        )


def stream_settings(window: int) -> Stream:
    """Settings that keep every distance well within a window: an eighth of it near, an eighth of it matching blocks."""
    eighth = max(64, min(1024, window // 8))
    block = max(16, eighth // 8)
    reach = min(eighth + block + CHUNK, window - 1)
    return Stream(init=block // 2, local=eighth, blocks=8, block=block, reach=reach)


def retrieve_budget(window: int, effective: int, question_tokens: int, max_tokens: int) -> int:
    """Tokens of passages to pack: half of what the model is known to read well, PASSAGES at most."""
    room = window - question_tokens - max_tokens
    if room < 1:
        raise InputError(
            f"the question ({question_tokens:,} tokens) and the reply ({max_tokens:,}) leave nothing of the "
            f"{window:,}-token window for the text: ask shorter, or lower --max-tokens"
        )
    return max(1, min(PASSAGES, effective // 2, room))


def routes(request: Request, shape: Shape, speed: Speed, machine: Machine) -> list[Route]:
    """Every route with its price, whether or not it fits."""
    return [
        _full(request, shape, speed, machine),
        _retrieve(request, shape, speed, machine),
        _stream(request, shape, speed, machine),
    ]


def choose(table: Sequence[Route], request: Request, *, wanted: str = "auto") -> tuple[Route, str]:
    """The route to take and the sentence that says why; InputError where the wanted one does not fit."""
    by_name = {route.name: route for route in table}
    if wanted == "auto":
        full = by_name["full"]
        if full.fits and (not request.effective or full.prompt_tokens <= request.effective):
            return full, "the whole text fits, so it is read whole"
        why = full.reason if not full.fits else f"beyond {request.effective:,} tokens this model misses things"
        if by_name["retrieve"].fits:
            return by_name["retrieve"], f"{why}, so the passages that match the question are read"
        if by_name["stream"].fits:
            return by_name["stream"], f"{why}, so it is streamed"
        if full.fits:
            return full, f"{why}, but no other route can be taken"
        raise InputError(f"no route can be taken: {_reasons(table)}. {LAST}")
    if wanted not in by_name:
        raise InputError(f"no route named {wanted!r}: {choices(wanted, ['auto', *NAMES])}")
    route = by_name[wanted]
    if not route.fits:
        others = " or ".join(f"--route {other.name}" for other in table if other.fits)
        instead = f"Use {others}, or a model with a larger window" if others else LAST
        raise InputError(f"--route {wanted} cannot be taken: {route.reason}. {instead}")
    return route, "asked for"


def _reasons(table: Sequence[Route]) -> str:
    return "; ".join(f"{route.name}: {route.reason}" for route in table)


def _full(request: Request, shape: Shape, speed: Speed, machine: Machine) -> Route:
    prompt = request.document_tokens + request.question_tokens
    total = prompt + request.max_tokens
    kv, peak = shape.kv_bytes(total), _peak(shape, total)
    reason = f"{total:,} tokens with the reply fit the {shape.window:,}-token window"
    if total > shape.window:
        reason = f"{total:,} tokens with the reply do not fit the {shape.window:,}-token window"
    elif machine.room and kv > machine.room:
        reason = f"{_size(kv)} of stored tokens do not fit the {_size(machine.room)} that are free"
    fits = total <= shape.window and (not machine.room or kv <= machine.room)
    seconds = speed.prefill(prompt) + speed.decode(request.max_tokens // 2, prompt)
    return Route("full", prompt, kv, 0, peak, seconds, fits, reason)


def _retrieve(request: Request, shape: Shape, speed: Speed, machine: Machine) -> Route:
    packed = min(request.retrieve_budget, request.document_tokens)
    prompt = packed + request.question_tokens
    total = prompt + request.max_tokens
    seconds = speed.prefill(prompt) + speed.decode(request.max_tokens // 2, prompt)
    fits = total <= shape.window
    verb = "fit" if fits else "and the reply do not fit"
    reason = f"the best {packed:,} tokens of passages {verb} the {shape.window:,}-token window"
    return Route("retrieve", prompt, shape.kv_bytes(total), 0, _peak(shape, total), seconds, fits, reason)


def _stream(request: Request, shape: Shape, speed: Speed, machine: Machine) -> Route:
    settings = stream_settings(shape.window)
    prompt = request.document_tokens + request.question_tokens
    seen = min(settings.seen, prompt)
    host = shape.kv_bytes(prompt)
    peak = _peak(shape, seen) + (0 if machine.accelerator else host)
    fits = not machine.available or host < machine.available
    reason = f"every token is read; a call sees {seen:,} of them"
    if not fits:
        reason = f"{_size(host)} of blocks do not fit the {_size(machine.available)} of free memory"
    seconds = speed.stream(prompt, seen) + speed.decode(request.max_tokens // 2, seen)
    return Route("stream", prompt, shape.kv_bytes(seen), host, peak, seconds, fits, reason)


def _peak(shape: Shape, tokens: int) -> int:
    """Weights, stored tokens in buffers that grow by half, and a chunk's activations."""
    return shape.weight_bytes + shape.kv_bytes(tokens) * 5 // 4 + shape.work_bytes(min(CHUNK, tokens))


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
