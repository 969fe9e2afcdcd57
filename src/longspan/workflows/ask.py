"""Answer a question from documents of any length: plan the routes, take one, show what the answer rests on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from longspan.archive import Archive
from longspan.archive.cache import Cache, Found
from longspan.attribution.attended import Attended
from longspan.attribution.quotes import Quote, quotes
from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.core.progress import Progress, silent
from longspan.decode.generate import Generation, Limits, Reply
from longspan.documents.document import Document
from longspan.models.method import Method
from longspan.models.notify import Notify, unheard
from longspan.plan.machine import peak_memory
from longspan.plan.routes import NAMES, Request, Route, choose, retrieve_budget, routes, stream_settings, streamed
from longspan.retrieval import Index, Packed, pack
from longspan.retrieval.passage import SIZE
from longspan.workflows import evidence
from longspan.workflows.evidence import Evidence
from longspan.workflows.prompt import Prompt, around, heading, named, prompt, wholes

if TYPE_CHECKING:
    from longspan.kv.reuse.snapshot import Snapshot
    from longspan.models.model import Model
    from longspan.plan.machine import Machine
    from longspan.plan.shape import Shape
    from longspan.plan.speed import Speed
    from longspan.retrieval.dense import Encoder

HITS = 60
"""Passages that retrieval offers for packing."""
HEADING = 24
"""Tokens kept for the heading of a packed piece."""
NOTHING: Mapping[str, int] = MappingProxyType({})
"""No route has anything stored."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to answer."""

    route: str = "auto"
    """full, retrieve, stream, or auto: the rule chooses."""
    method: str = ""
    """A method string for the model's run; empty: the route's own."""
    max_tokens: int = 200
    """Tokens of the answer at most."""
    effective: int = 0
    """Tokens up to which the model is known to work, 0: unknown."""
    passage_words: int = SIZE
    """Words of a passage that retrieval finds."""

    def __post_init__(self) -> None:
        if self.route not in ("auto", *NAMES):
            raise InputError(f"no route named {self.route!r}: {choices(self.route, ['auto', *NAMES])}")
        if self.passage_words < 1:
            raise InputError(f"passages of {self.passage_words} words hold nothing: give at least 1")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who wants to hear of it."""

    progress: Progress = silent
    on_text: Callable[[str], None] | None = None
    """Gets the answer as it is written."""
    on_remark: Notify = unheard
    """Gets what a person should know but need not act on, a line at a time."""


AUTO, NOBODY = Settings(), Listener()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and all that is needed to believe it."""

    text: str
    finish: str
    """`stop`: the model ended it; `length`: max_tokens did."""
    route: Route
    method: str
    document_tokens: int
    prompt_tokens: int
    """Tokens of the prompt."""
    cached_tokens: int
    """How many of them were read before and stored, so that the model did not read them again."""
    reply_tokens: int
    evidence: tuple[Evidence, ...]
    chosen: tuple[Evidence, ...]
    """The stretches of text that a prune= method let the model read; empty: it read everything it was given."""
    quotes: tuple[Quote, ...]
    seconds: float
    """From the first token read, or loaded, to the last written."""
    first_seconds: float
    """Of these, until the first text of the answer."""
    search_seconds: float
    """To build or open the index and search it, before that; 0 on other routes."""
    kv_bytes: int
    """Stored tokens on the device at the end."""
    peak_bytes: int
    """The most memory that this process held so far."""


def said(question: str) -> str:
    """The question without the space around it; InputError where nothing is left."""
    if not question.strip():
        raise InputError("the question is empty: say what you want to know")
    return question.strip()


class Ask:
    """A question over documents, planned and then answered."""

    def __init__(self, model: Model, documents: Sequence[Document], question: str, settings: Settings = AUTO) -> None:
        self.model = model
        self.documents = tuple(documents)
        self.question = said(question)
        self.settings = settings

    @cached_property
    def document_tokens(self) -> int:
        """Tokens of all documents, by the model's own tokenizer."""
        return sum(self.model.count(document.text) for document in self.documents)

    @cached_property
    def request(self) -> Request:
        """What planning needs to know, but for what is stored."""
        wrapped = sum(self.model.count(text) for text in around(self.model, self.question)) + HEADING
        effective = self.settings.effective or self.model.window
        budget = retrieve_budget(self.model.window, effective, wrapped, self.settings.max_tokens)
        return Request(
            document_tokens=self.document_tokens + self._heading_tokens,
            question_tokens=wrapped,
            max_tokens=self.settings.max_tokens,
            retrieve_budget=budget,
            effective=self.settings.effective,
        )

    def stored(self, archive: Archive, machine: Machine) -> dict[str, int]:
        """By route, how many tokens that its prompt begins with were read before and are stored."""
        if not Cache(archive).holds(self.documents):
            return {}
        methods = {"stream": streamed(self.model.window, machine).method}
        if self.document_tokens <= self.model.window:
            methods["full"] = ""
        wanted = self.settings.route
        found = {
            route: self._find(archive, self.settings.method or method)
            for route, method in methods.items()
            if wanted in ("auto", route)
        }
        return {route: each.cached.tokens for route, each in found.items() if each is not None}

    def routes(
        self, shape: Shape, speed: Speed, machine: Machine, *, stored: Mapping[str, int] = NOTHING
    ) -> list[Route]:
        """Every route with what it would cost here."""
        return routes(replace(self.request, stored=stored), shape, speed, machine)

    def choose(self, table: Sequence[Route], *, stored: Mapping[str, int] = NOTHING) -> tuple[Route, str]:
        """The route to take and why; InputError where the wanted one cannot be. What is stored need not be read."""
        return choose(table, replace(self.request, stored=stored), wanted=self.settings.route)

    def answer(
        self, route: Route, *, archive: Archive, encoder: Encoder | None = None, listener: Listener = NOBODY
    ) -> Answer:
        """Take the route.

        The index that `retrieve` builds is kept in the archive for the next question."""
        asked_at = time.perf_counter()
        packed = self._retrieve(archive, encoder, listener) if route.name == "retrieve" else []
        began = time.perf_counter()
        pieces = [piece.passage for piece in packed]
        asked = prompt(self.model, self.question, self.documents, pieces) if packed else self._whole
        watch = None if packed else Attended(len(asked.tokens))
        reply, ran = self._run(route, asked, watch, archive, listener)
        if watch is None:
            rests_on = evidence.retrieved(self.documents, packed)
        else:
            mass_S = evidence.spread(watch.mass_S, ran.chosen) if ran.chosen else watch.mass_S
            rests_on = evidence.attended(self.documents, asked, mass_S)
        return Answer(
            text=reply.text.strip(),
            finish=reply.finish,
            route=route,
            method=self._method(route),
            document_tokens=self.document_tokens,
            prompt_tokens=len(ran.chosen or asked.tokens),
            cached_tokens=ran.cached_tokens,
            reply_tokens=len(reply.tokens),
            evidence=tuple(rests_on),
            chosen=tuple(evidence.chosen(self.documents, asked, ran.chosen)),
            quotes=tuple(quotes(reply.text, [document.text for document in self.documents])),
            seconds=time.perf_counter() - began,
            first_seconds=ran.first_seconds,
            search_seconds=began - asked_at if packed else 0.0,
            kv_bytes=ran.kv_bytes,
            peak_bytes=peak_memory(),
        )

    @property
    def _heading_tokens(self) -> int:
        """Tokens of the headings that separate the documents."""
        pairs = zip(named(self.documents), wholes(self.documents), strict=True)
        return sum(self.model.count("\n\n" + heading(*pair)) for pair in pairs)

    @cached_property
    def _whole(self) -> Prompt:
        """The prompt that shows all of every document."""
        return prompt(self.model, self.question, self.documents, wholes(self.documents))

    def _retrieve(self, archive: Archive, encoder: Encoder | None, listener: Listener) -> list[Packed]:
        size, budget = self.settings.passage_words, self.request.retrieve_budget
        index = Index.build(self.documents, encoder, archive=archive, size=size, progress=listener.progress)
        hits = index.search(self.question, HITS)
        if hits:
            best = hits[0].passage
            tokens = self.model.count(best.of(self.documents[best.source].text))
            if tokens + HEADING > budget:
                listener.on_remark(
                    f"the best passage has {tokens:,} tokens and {budget:,} are read: only its beginning is; "
                    "ask for shorter passages to have what matters found"
                )
        return pack(hits, self.documents, budget=budget, count=self.model.count, each=HEADING)

    def _method(self, route: Route) -> str:
        return self.settings.method or route.method

    def _run(
        self, route: Route, asked: Prompt, watch: Attended | None, archive: Archive, listener: Listener
    ) -> tuple[Reply, _Ran]:
        """Read the prompt and write the reply; a streamed text is read first, the question finds blocks by itself."""
        total = len(asked.tokens) + self.settings.max_tokens
        method = Method.parse(self._method(route))
        if idle := _idle(method, len(asked.tokens), total):
            if route.name != "retrieve":
                raise InputError(f"{idle}; leave the method out, or give a share of the text such as budget=0.5")
            listener.on_remark(idle)
        began = time.perf_counter()
        snapshot, length = self._load(route, archive, listener) if route.name != "retrieve" else (None, 0)
        cached = 0 if snapshot is None else len(snapshot)
        text = asked.context_tokens if route.name == "stream" and snapshot is None else 0
        first = 0.0
        with self.model.open(method, length=length or total, watch=watch) as session:
            if snapshot is not None:
                session.restore(snapshot)
            elif text:
                chunk = stream_settings(self.model.window).chunk
                session.prefill([asked.tokens[:text]], chunk=chunk, progress=listener.progress)
            limits = Limits(self.settings.max_tokens, ends=self.model.ends)
            generation = Generation(session, self.model.decode, limits=limits, draft=session.draft())
            read, heard = cached + text, silent if text else listener.progress
            for piece in generation.run([asked.tokens[read:]], before=asked.tokens[:read], progress=heard):
                first = first or time.perf_counter() - began
                if listener.on_text is not None:
                    listener.on_text(piece.text)
            chosen = session.chosen[0] if session.chosen else []
            return generation.replies[0], _Ran(session.nbytes(), cached, first or time.perf_counter() - began, chosen)

    def _find(self, archive: Archive, method: str) -> Found | None:
        """The stored tokens that the prompt which shows everything begins with, if there are any of use."""
        tokens = self._whole.tokens
        total = len(tokens) + self.settings.max_tokens
        return Cache(archive).find(self.model, Method.parse(method), tokens, total)

    def _load(self, route: Route, archive: Archive, listener: Listener) -> tuple[Snapshot | None, int]:
        """What is stored of the prompt and the length to plan for; says so where something is and cannot be used."""
        cache, found = Cache(archive), self._find(archive, self._method(route))
        if found is None:
            if why := cache.why_not(self.model, Method.parse(self._method(route)), self.documents):
                listener.on_remark(why)
            return None, 0
        try:
            return cache.load(found.cached, self.model), found.length
        except InputError as error:
            listener.on_remark(f"{error}; the text is read again")
            return None, 0


def _idle(method: Method, read: int, total: int) -> str:
    """Says that a method's budget holds all of a prompt, and of the reply too where that is cut as it grows."""
    budget, held = getattr(method.kv, "budget", 0.0), total if getattr(method.kv, "every", 0) else read
    if isinstance(budget, float) or budget < held:
        return ""
    return f"a budget of {budget:,} holds all {held:,} tokens, so nothing is given up"


@dataclass(frozen=True, slots=True)
class _Ran:
    """What a run held and saved."""

    kv_bytes: int
    cached_tokens: int
    first_seconds: float
    chosen: list[int]
    """Tokens of the prompt that were read, where a method chose them."""
