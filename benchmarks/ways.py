"""Ways to keep fewer bytes that benchmarks compare, and the method strings that give each a share of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SHARES = (0.5, 0.25, 0.125)
"""Of the bytes or tokens."""


@dataclass(frozen=True)
class Way:
    """A method at some share of the bytes or tokens."""

    name: str
    text: str
    """Method string, with places for the share and for tokens."""
    rereads: bool = False
    """It changes how a text is read, so it must read all of it for itself."""
    single: bool = False
    """It reads everything when several tokens come at once, so tokens are decoded one by one."""
    aware: bool = True
    """It makes a difference whether the question is known."""

    def method(self, share: float, length: int) -> str:
        """The method string for a text of so many tokens."""
        tokens = int(share * length)
        half, blocks, group = tokens // 2, max(1, tokens // 2 // 128), round(2 / share) - 1
        return self.text.format(share=share, rest=1 - share, tokens=tokens, half=half, blocks=blocks, group=group)


SCORES = ("streaming_llm", "snapkv", "tova", "keydiff", "knorm", "lagkv", "random")
AT_SHARES = (
    *(Way(name, f"kv={name}:budget={{share}}") for name in SCORES),
    Way("pyramidkv (snapkv)", "kv=snapkv:budget={share},split=pyramid"),
    Way("adakv (snapkv)", "kv=snapkv:budget={share},split=adakv"),
    Way("adakv (keydiff)", "kv=keydiff:budget={share},split=adakv"),
    Way("cam (tova)", "kv=tova:budget={share},merge=cam"),
    Way("h2o", "kv=h2o:budget={share},recent={half}"),
    Way("expected_attention", "kv=expected_attention:budget={share}"),
    Way("adakv (expected_attention)", "kv=expected_attention:budget={share},split=adakv"),
    Way("freqkv", "kv=freqkv:window={tokens}", aware=False),
    Way("cca", "kv=cca:local={half},group={group}", rereads=True, aware=False),
    Way("infllm", "kv=infllm:init=64,local={half},blocks={blocks},block=128", rereads=True, aware=False),
    Way("longheads", "kv=longheads:window={tokens},chunk=64", rereads=True, aware=False),
    Way("quest", "kv=quest:budget={tokens}", single=True, aware=False),
    Way("recycled_attention", "kv=recycled_attention:budget={tokens}", single=True, aware=False),
    Way("squeezed_attention", "kv=squeezed_attention:quantile={rest}", aware=False),
    Way("shadowkv", "kv=shadowkv:budget={tokens}", aware=False),
    Way("a2ats", "kv=a2ats:share={share},codebook=256,rounds=20", single=True, aware=False),
)
FIXED = (
    Way("full", "", aware=False),
    Way("integer 8 bits", "kv=integer:bits=8", aware=False),
    Way("integer 4 bits", "kv=integer:bits=4", aware=False),
    Way("kivi 4 bits", "kv=kivi:bits=4", aware=False),
    Way("kivi 2 bits", "kv=kivi:bits=2", aware=False),
    Way("kvquant 4 bits", "kv=kvquant:bits=4", aware=False),
    Way("kvquant 3 bits", "kv=kvquant:bits=3", aware=False),
    Way("kvquant 2 bits", "kv=kvquant:bits=2,normalize=true", aware=False),
    Way("offload, 512 tokens a block", "kv=offload:block=512", aware=False),
    Way("offload in 4 bits, 512 tokens a block", "kv=offload:block=512,bits=4", aware=False),
    Way("xattention", "pattern=xattention:stride=16", rereads=True, aware=False),
    Way("keydiff 0.5 in integer 8 bits", "kv=keydiff:budget=0.5,keep=integer,bits=8,residual=32"),
    Way("keydiff 0.5 in kivi 4 bits", "kv=keydiff:budget=0.5,keep=kivi,bits=4,residual=32"),
    Way("keydiff 0.5 in kivi 2 bits", "kv=keydiff:budget=0.5,keep=kivi,bits=2,residual=32"),
    Way("keydiff 0.25 in kivi 4 bits", "kv=keydiff:budget=0.25,keep=kivi,bits=4,residual=32"),
    Way("lagkv 0.5 in kivi 4 bits", "kv=lagkv:budget=0.5,keep=kivi,bits=4,residual=32"),
    Way("lagkv 0.375 in kivi 4 bits", "kv=lagkv:budget=0.375,keep=kivi,bits=4,residual=32"),
)
"""Ways whose bytes do not depend on a share."""


def every(length: int) -> Iterator[tuple[str, Way, str]]:
    """Label, way and method string of all that is compared."""
    for way in FIXED:
        yield way.name, way, way.text
    for way in AT_SHARES:
        for share in SHARES:
            yield f"{way.name} {share:g}", way, way.method(share, length)
