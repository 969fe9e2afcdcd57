"""The ways to read a document, what each costs here, and the rule that picks one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.kv.offload.rest import Tier
from longspan.plan.machine import Machine
from longspan.plan.shape import CHUNK, Shape
from longspan.plan.speed import Speed

NAMES = ("full", "retrieve", "stream")
PASSAGES = 2000
"""Tokens of passages that are packed at most."""
CALL = 512
"""Tokens of a forward pass of a streamed text: those that share a choice of blocks."""
CHECKED = 1.2e9
"""Bytes of a stored file that are read and checked in a second, where the system has it in memory (here: SHA-256)."""
BLOCK_KEY = 6
"""Bytes per value of the key that stands for a block: float32, with the room its table has to grow."""


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
    stored: Mapping[str, int] = field(default_factory=dict)
    """Of the routes for which a beginning of the prompt was read before and is stored, how many tokens of it."""


@dataclass(frozen=True, slots=True)
class Route:
    """A way to read the documents and its price."""

    name: str
    method: str
    """How the model reads it, as a method string; empty: as it is."""
    prompt_tokens: int
    """Tokens that the model reads."""
    kv_bytes: int
    """Stored tokens on the computing device, at the end."""
    away_bytes: int
    """Stored tokens that this run puts to rest elsewhere: beside an accelerator in main memory, beside a processor in a
    temporary file."""
    peak_bytes: int
    """Most memory that this process will hold, weights included; the sentence encoder of `retrieve` not. What is read
    of a stored stream's file is part of it, though the system takes that back where it needs room."""
    seconds: float
    """To read the prompt, what is stored of it aside, and write half of max_tokens; an index that must be built first
    not included."""
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
    chunk: int
    """Tokens per forward pass."""
    tier: Tier
    """Where the others rest."""

    @property
    def reach(self) -> int:
        """The greatest distance, in tokens, that the model sees."""
        return self.local + self.block + self.chunk

    @property
    def seen(self) -> int:
        """Stored tokens that a call reads at most."""
        return self.init + self.reach + self.blocks * self.block

    @property
    def method(self) -> str:
        """As a method string."""
        return (
            f"kv=infllm:init={self.init},local={self.local},blocks={self.blocks},block={self.block},tier={self.tier} "
            f"positions=rerope:window={self.reach}"
        )


def stream_settings(window: int, tier: Tier = "host") -> Stream:
    """Settings that keep every distance well within a window: an eighth of it near, an eighth of it matching blocks."""
    eighth = max(16, min(1024, window // 8))
    block = max(4, eighth // 8)
    return Stream(init=block // 2, local=eighth, blocks=8, block=block, chunk=min(CALL, eighth), tier=tier)


def streamed(window: int, machine: Machine) -> Stream:
    """How a text is streamed through a window on a machine."""
    return stream_settings(window, "host" if machine.accelerator else "disk")


def retrieve_budget(window: int, effective: int, question_tokens: int, max_tokens: int) -> int:
    """Tokens of passages to pack: an eighth of what the model reads well, for small models answer best from little.

    0 where the question and the reply leave no room.
    """
    return max(0, min(PASSAGES, effective // 8, window - question_tokens - max_tokens))


def routes(request: Request, shape: Shape, speed: Speed, machine: Machine) -> list[Route]:
    """Every route with its price, whether or not it fits."""
    return [
        _full(request, shape, speed, machine),
        _retrieve(request, shape, speed, machine),
        _stream(request, shape, speed, machine),
    ]


def choose(table: Sequence[Route], request: Request, *, wanted: str = "auto") -> tuple[Route, str]:
    """The route to take and the sentence that says why; InputError where the wanted one, or none, fits."""
    by_name = {route.name: route for route in table}
    if wanted == "auto":
        return _automatic(by_name, request)
    if wanted not in by_name:
        raise InputError(f"no route named {wanted!r}: {choices(wanted, ['auto', *NAMES])}")
    route = by_name[wanted]
    if not route.fits:
        others = [f"--route {other.name}" for other in table if other.fits]
        ways = [*others, "a model with a larger window", "less text"]
        raise InputError(f"--route {wanted} cannot be taken: {route.reason}. Use {', '.join(ways[:-1])} or {ways[-1]}")
    return route, "asked for"


def _automatic(by_name: dict[str, Route], request: Request) -> tuple[Route, str]:
    full, retrieve, stream = (by_name[name] for name in NAMES)
    for route in (full, stream):
        if route.fits and route.name in request.stored:
            return route, f"{request.stored[route.name]:,} of its tokens were read before and are stored"
    total = full.prompt_tokens + request.max_tokens
    if full.fits and (not request.effective or total <= request.effective):
        return full, "the whole text fits, so it is read whole"
    why = full.reason
    if full.fits:
        limit = f"{request.effective:,} up to which this model finds things"
        why = f"{total:,} tokens with the reply are more than the {limit}"
    if retrieve.fits:
        return retrieve, f"{why}, so the passages that match the question are read"
    if stream.fits:
        return stream, f"{why}, and {retrieve.reason}, so the text is streamed"
    if full.fits:
        return full, f"{why}, but no other route can be taken"
    reasons = "; ".join(f"{route.name}: {route.reason}" for route in by_name.values())
    raise InputError(f"no route fits ({reasons}). Ask shorter, lower --max-tokens, or take a smaller model")


def _full(request: Request, shape: Shape, speed: Speed, machine: Machine) -> Route:
    prompt = request.document_tokens + request.question_tokens
    total = prompt + request.max_tokens
    kv, peak = shape.kv_bytes(total), _peak(shape, total, machine)
    fits, reason = total <= shape.window, f"{total:,} tokens with the reply fit the {shape.window:,}-token window"
    if not fits:
        reason = f"{total:,} tokens with the reply do not fit the {shape.window:,}-token window"
    elif not _has_room(peak, machine):
        fits, reason = False, _no_room(peak, machine)
    stored = request.stored.get("full", 0)
    reading = speed.prefill(shape, prompt) - speed.prefill(shape, stored)
    seconds = reading + _loading(shape, stored) + speed.decode(shape, request.max_tokens // 2, prompt)
    return Route("full", "", prompt, kv, 0, peak, seconds, fits, reason)


def _retrieve(request: Request, shape: Shape, speed: Speed, machine: Machine) -> Route:
    packed = min(request.retrieve_budget, request.document_tokens)
    prompt = packed + request.question_tokens
    total = prompt + request.max_tokens
    peak = _peak(shape, total, machine)
    fits, reason = packed > 0, f"the best {packed:,} tokens of passages are read"
    if not fits:
        asked = request.question_tokens + request.max_tokens
        reason = f"question and reply ({asked:,} tokens) leave no room for text in the {shape.window:,}-token window"
    elif not _has_room(peak, machine):
        fits, reason = False, _no_room(peak, machine)
    seconds = speed.prefill(shape, prompt) + speed.decode(shape, request.max_tokens // 2, prompt)
    return Route("retrieve", "", prompt, shape.kv_bytes(total), 0, peak, seconds, fits, reason)


def _stream(request: Request, shape: Shape, speed: Speed, machine: Machine) -> Route:
    settings = streamed(shape.window, machine)
    prompt = request.document_tokens + request.question_tokens
    seen = min(settings.seen, prompt)
    stored, token = request.stored.get("stream", 0), shape.full_layers * shape.token_bytes
    read = prompt - stored
    rests = read * token
    mapped = min(stored, (request.max_tokens + 1) * settings.blocks * settings.block) * token
    near = min(settings.init + settings.reach, prompt)
    keys = prompt // settings.block * shape.full_layers * shape.kv_heads * shape.head_dim * BLOCK_KEY
    peak = _peak(shape, seen, machine) + keys
    where, free = ("main memory", machine.available) if machine.accelerator else ("disk", machine.disk)
    fits, reason = True, f"every token is read; each sees {seen:,} of them"
    if not _has_room(peak, machine):
        fits, reason = False, _no_room(peak, machine)
    elif 0 < free <= rests:
        needed = f"{rests / 2**30:.1f} GiB of {where} are needed for stored tokens"
        fits, reason = False, f"{needed} and {free / 2**30:.1f} GiB are free"
    reply = request.max_tokens // 2
    seconds = speed.stream(shape, read, seen) + _loading(shape, stored) + speed.stream_decode(shape, reply, seen)
    kv = shape.kv_bytes(near, CALL) + keys
    return Route("stream", settings.method, prompt, kv, rests, peak + mapped, seconds, fits, reason)


def _loading(shape: Shape, tokens: int) -> float:
    """Seconds to read stored tokens from their file and check them."""
    return tokens * shape.full_layers * shape.token_bytes / CHECKED


def _peak(shape: Shape, tokens: int, machine: Machine) -> int:
    """What is held already, the model loaded; stored tokens; a chunk's work."""
    return machine.held + shape.kv_bytes(tokens) + shape.work_bytes(min(CHUNK, tokens))


def _has_room(peak: int, machine: Machine) -> bool:
    return not machine.room or peak - machine.held <= machine.room


def _no_room(peak: int, machine: Machine) -> str:
    return f"{(peak - machine.held) / 2**30:.1f} GiB more are needed and {machine.room / 2**30:.1f} GiB are free"
