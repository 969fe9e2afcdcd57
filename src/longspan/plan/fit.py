"""Ways to hold so many tokens on a machine, what each takes and gives up, and which one to choose."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from longspan.core.errors import InputError
from longspan.kv.buffer import capacity
from longspan.kv.offload.rest import Tier
from longspan.plan.routes import Stream, stream_settings
from longspan.plan.shape import CHUNK, Shape
from longspan.plan.speed import Speed

CHUNKS = (CHUNK, 512, 128)
"""Prompt tokens of a forward pass that are tried: fewer take less memory and more time."""
BLOCK = 2048
"""Tokens of an offloaded block, as kv=offload has it."""
ROOM = 128
"""Slots that an eviction store makes room for when a token follows those it keeps."""
LEVELS = 32
"""Bits of a group's step and lowest level."""
EXACT = 192
"""Latest tokens that rounding stores keep exact, with those they keep for rolling back."""
Goal = Literal["quality", "speed"]


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be held, and in how much memory."""

    tokens: int
    """Of one prompt and its reply together."""
    reply: int
    batch: int
    ram: int
    """Bytes of main memory that the process may take."""
    vram: int = 0
    """Bytes on an accelerator that computes; 0: the processor computes."""

    def __post_init__(self) -> None:
        if not 0 < self.reply < self.tokens:
            raise InputError(f"a reply of {self.reply:,} tokens leaves nothing of {self.tokens:,}: give --ctx more")
        if self.batch < 1:
            raise InputError(f"--batch is {self.batch}; give 1 or more")


@dataclass(frozen=True, slots=True)
class Way:
    """A way to hold stored tokens."""

    name: str
    rank: int
    """0 gives up nothing; a greater number gives up more."""
    words: str
    """What it gives up."""
    method: Callable[[Shape, Need], str]
    held: Callable[[Shape, int, int], int]
    """Slots of a full layer where the model computes, for tokens read in chunks; packed ones as exact ones of as many
    bytes."""
    timed: bool = True
    """Whether the seconds of plain stored tokens are those of this way too."""
    away: Literal[""] | Tier = ""
    """Where the others rest; empty: there are none, or they are gone."""
    seen: Callable[[Shape, int], int] = lambda shape, tokens: tokens
    """Stored tokens that a query attends to."""
    stretches: bool = True
    """Whether text beyond the trained window needs a stretched rotary embedding."""


def ways(need: Need) -> list[Way]:
    """Every way that this version has, the one that gives up least first."""
    tier: Tier = "host" if need.vram else "disk"
    rests = f"kv=offload:tier={tier}"
    return [
        Way("full", 0, "nothing", lambda shape, need: "", _all),
        Way("offload", 0, "nothing; slower", lambda shape, need: rests, _blocks, away=tier),
        _rounding(8),
        _rounding(4),
        Way(
            "stream",
            4,
            "sees blocks that match",
            lambda shape, need: stream_settings(shape.window, tier).method,
            _stream_slots,
            away=tier,
            seen=_stream_seen,
            stretches=False,
        ),
        *(_evicting(need.tokens, divisor) for divisor in (2, 4, 8)),
    ]


@dataclass(frozen=True, slots=True)
class Plan:
    """One way in one precision, with what it takes; bytes, for the whole batch."""

    way: str
    gives_up: str
    rank: int
    dtype: str
    method: str
    chunk: int
    weights: int
    kv: int
    """Stored tokens where the model computes."""
    away: int
    """Stored tokens elsewhere in main memory; those on a disk are not counted."""
    work: int
    """Activations and attention's own of a chunk."""
    base: int
    """What the interpreter and its libraries hold in main memory."""
    peak: int
    """Most bytes where the model computes; on a processor all of the process."""
    host: int
    """Most bytes of main memory."""
    prefill_seconds: float
    """For one prompt; 0 unknown."""
    decode_seconds: float
    """For one token of all rows; 0 unknown."""
    fits: bool
    reason: str

    @property
    def seconds(self) -> float:
        """To read a prompt and write 256 tokens; 0 unknown."""
        return self.prefill_seconds + 256 * self.decode_seconds


def plans(shapes: dict[str, Shape], need: Need, *, base: int, speeds: dict[str, Speed]) -> list[Plan]:
    """A plan per way and precision, each with the largest chunk that fits; precisions in the order preferred."""
    return [
        _largest(way, dtype, shape, need, base=base, speed=speeds.get(dtype))
        for dtype, shape in shapes.items()
        for way in ways(need)
    ]


def choose(table: Sequence[Plan], goal: Goal) -> Plan:
    """The plan to take; InputError with the nearest miss where none fits."""
    fitting = [plan for plan in table if plan.fits]
    if not fitting:
        near = min(table, key=lambda plan: plan.peak)
        raise InputError(
            f"nothing fits: the least is {near.way} in {near.dtype}, which {near.reason}. Give more memory, a shorter "
            "--ctx, a smaller --batch or a smaller model"
        )
    if goal == "speed":
        return min(fitting, key=lambda plan: (plan.seconds or math.inf, plan.rank))
    return min(fitting, key=lambda plan: (plan.rank, table.index(plan)))


def _largest(way: Way, dtype: str, shape: Shape, need: Need, *, base: int, speed: Speed | None) -> Plan:
    made = [_plan(way, dtype, shape, need, chunk, base=base, speed=speed) for chunk in CHUNKS]
    return next((plan for plan in made if plan.fits), made[-1])


def _plan(way: Way, dtype: str, shape: Shape, need: Need, chunk: int, *, base: int, speed: Speed | None) -> Plan:
    slots = way.held(shape, need.tokens, chunk)
    sliding = replace(shape, layers=shape.sliding_layers).kv_bytes(need.tokens)
    kv = need.batch * (round(shape.full_layers * slots * shape.token_bytes) + sliding)
    rests = need.batch * shape.full_layers * need.tokens * shape.token_bytes if way.away == "host" else 0
    work = need.batch * shape.work_bytes(min(chunk, need.tokens))
    device = shape.weight_bytes + kv + work
    host = base + rests + (0 if need.vram else device)
    stretched = way.stretches and need.tokens > shape.window
    fits, reason = _fits(device, host, need)
    seen = way.seen(shape, need.tokens)
    return Plan(
        way=way.name,
        gives_up=f"{way.words}; window stretched" if stretched else way.words,
        rank=way.rank + stretched,
        dtype=dtype,
        method=" ".join(filter(None, [way.method(shape, need), _stretch(shape, need) if stretched else ""])),
        chunk=chunk,
        weights=shape.weight_bytes,
        kv=kv,
        away=rests,
        work=work,
        base=base,
        peak=device if need.vram else host,
        host=host,
        prefill_seconds=_reading(speed, shape, need, seen) if speed and way.timed else 0.0,
        decode_seconds=speed.decode(shape, 1, seen) if speed and way.timed else 0.0,
        fits=fits,
        reason=reason,
    )


def _reading(speed: Speed, shape: Shape, need: Need, seen: int) -> float:
    tokens = need.tokens - need.reply
    return speed.prefill(shape, tokens) if seen >= tokens else speed.stream(shape, tokens, seen)


def _fits(device: int, host: int, need: Need) -> tuple[bool, str]:
    limits = [(device, need.vram, "on the accelerator")] if need.vram else []
    for taken, limit, where in (*limits, (host, need.ram, "of main memory")):
        if limit and taken > limit:
            return False, f"takes {taken / 2**30:.2f} GiB {where}, {(taken - limit) / 2**30:.2f} too many"
    return True, "fits"


def _stretch(shape: Shape, need: Need) -> str:
    return f"rope=yarn:factor={math.ceil(need.tokens / shape.window)}"


def _all(shape: Shape, tokens: int, chunk: int) -> int:
    return max(256, tokens)


def _blocks(shape: Shape, tokens: int, chunk: int) -> int:
    return min(capacity(tokens, chunk), capacity(BLOCK + max(BLOCK, chunk), chunk))


def _settings(shape: Shape) -> Stream:
    return stream_settings(shape.window)


def _stream_slots(shape: Shape, tokens: int, chunk: int) -> int:
    return capacity(min(_settings(shape).seen, tokens), _settings(shape).chunk)


def _stream_seen(shape: Shape, tokens: int) -> int:
    return min(_settings(shape).seen, tokens)


def _rounding(bits: Literal[4, 8]) -> Way:
    def method(shape: Shape, need: Need) -> str:
        kind = f"integer:bits=8,group={_group(shape, 64)}" if bits == 8 else f"kivi:bits=4,group={_group(shape, 32)}"
        return f"kv={kind},chunks=true"

    def held(shape: Shape, tokens: int, chunk: int) -> int:
        group = _group(shape, 64 if bits == 8 else 32)
        share = (bits + LEVELS / group) / (8 * shape.bytes_per_value)
        exact = EXACT + chunk / shape.full_layers  # a layer's chunk is packed before the next layer's comes
        return math.ceil(min(tokens, exact) + tokens * share * 9 / 8)

    return Way(f"{bits} bits", 2 if bits == 8 else 3, f"rounds to {bits} bits; slower", method, held, timed=False)


def _group(shape: Shape, most: int) -> int:
    return math.gcd(shape.head_dim, most)


def _evicting(tokens: int, divisor: int) -> Way:
    budget = max(128, tokens // divisor)
    return Way(
        f"evict 1/{divisor}",
        4 + divisor,
        f"forgets all but {budget:,} tokens",
        lambda shape, need: f"kv=snapkv:budget={budget},chunks=true",
        lambda shape, tokens, chunk: capacity(min(tokens, budget + ROOM + chunk), min(tokens, budget + ROOM + chunk)),
        seen=lambda shape, tokens: min(tokens, budget),
    )
