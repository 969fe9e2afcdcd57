"""Answer a question from documents of any length: plan the routes, take one, show what the answer rests on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from longspan.archive import Archive
from longspan.attribution.attended import Attended
from longspan.attribution.quotes import Quote, quotes
from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.core.progress import Progress, silent
from longspan.decode.generate import Generation, Limits, Reply
from longspan.documents.document import Document
from longspan.models.method import Method
from longspan.plan.machine import peak_memory
from longspan.plan.routes import NAMES, Request, Route, choose, retrieve_budget, routes, stream_settings
from longspan.retrieval import Index, Packed, Passage, pack
from longspan.workflows import evidence
from longspan.workflows.evidence import Evidence
from longspan.workflows.prompt import Prompt, around, heading, prompt

if TYPE_CHECKING:
    from longspan.models.model import Model
    from longspan.plan.machine import Machine
    from longspan.plan.shape import Shape
    from longspan.plan.speed import Speed
    from longspan.retrieval.dense import Encoder

HITS = 60
"""Passages that retrieval offers for packing."""
HEADING = 24
"""Tokens kept for the heading of a packed piece."""


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

    def __post_init__(self) -> None:
        if self.route not in ("auto", *NAMES):
            raise InputError(f"no route named {self.route!r}: {choices(self.route, ['auto', *NAMES])}")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who wants to hear of it."""

    progress: Progress = silent
    on_text: Callable[[str], None] | None = None
    """Gets the answer as it is written."""


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
    """Tokens that the model read."""
    reply_tokens: int
    evidence: tuple[Evidence, ...]
    chosen: tuple[Evidence, ...]
    """The stretches of text that a prune= method let the model read; empty: it read everything it was given."""
    quotes: tuple[Quote, ...]
    seconds: float
    """From the first token read to the last written."""
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
        """What planning needs to know."""
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

    def routes(self, shape: Shape, speed: Speed, machine: Machine) -> list[Route]:
        """Every route with what it would cost here."""
        return routes(self.request, shape, speed, machine)

    def choose(self, table: Sequence[Route]) -> tuple[Route, str]:
        """The route to take and why; InputError where the wanted one cannot be."""
        return choose(table, self.request, wanted=self.settings.route)

    def answer(
        self, route: Route, *, archive: Archive, encoder: Encoder | None = None, listener: Listener = NOBODY
    ) -> Answer:
        """Take the route.

        The index that `retrieve` builds is kept in the archive for the next question."""
        asked_at = time.perf_counter()
        packed = self._retrieve(archive, encoder, listener.progress) if route.name == "retrieve" else []
        began = time.perf_counter()
        pieces = [piece.passage for piece in packed] or [
            Passage(source, 0, len(document.text)) for source, document in enumerate(self.documents)
        ]
        asked = prompt(self.model, self.question, self.documents, pieces)
        watch = None if packed else Attended(len(asked.tokens))
        reply, kv_bytes, chosen = self._run(route, asked, watch, listener)
        if watch is None:
            rests_on = evidence.retrieved(self.documents, packed)
        else:
            mass_S = evidence.spread(watch.mass_S, chosen) if chosen else watch.mass_S
            rests_on = evidence.attended(self.documents, asked, mass_S)
        return Answer(
            text=reply.text.strip(),
            finish=reply.finish,
            route=route,
            method=self._method(route),
            document_tokens=self.document_tokens,
            prompt_tokens=len(chosen or asked.tokens),
            reply_tokens=len(reply.tokens),
            evidence=tuple(rests_on),
            chosen=tuple(evidence.chosen(self.documents, asked, chosen)),
            quotes=tuple(quotes(reply.text, [document.text for document in self.documents])),
            seconds=time.perf_counter() - began,
            search_seconds=began - asked_at if packed else 0.0,
            kv_bytes=kv_bytes,
            peak_bytes=peak_memory(),
        )

    @property
    def _heading_tokens(self) -> int:
        """Tokens of the headings that separate the documents."""
        wholes = enumerate(self.documents)
        return sum(self.model.count("\n\n" + heading(each, Passage(i, 0, len(each.text)))) for i, each in wholes)

    def _retrieve(self, archive: Archive, encoder: Encoder | None, progress: Progress) -> list[Packed]:
        index = Index.build(self.documents, encoder, archive=archive, progress=progress)
        hits = index.search(self.question, HITS)
        return pack(hits, self.documents, budget=self.request.retrieve_budget, count=self.model.count, each=HEADING)

    def _method(self, route: Route) -> str:
        return self.settings.method or (stream_settings(self.model.window).method if route.name == "stream" else "")

    def _run(
        self, route: Route, asked: Prompt, watch: Attended | None, listener: Listener
    ) -> tuple[Reply, int, list[int]]:
        """Read the prompt and write the reply; a streamed text is read first, the question finds blocks by itself."""
        method = Method.parse(self._method(route))
        limits = Limits(self.settings.max_tokens, ends=self.model.ends)
        first = asked.context_tokens if route.name == "stream" else 0
        total = len(asked.tokens) + self.settings.max_tokens
        with self.model.open(method, length=total, watch=watch) as session:
            if first:
                chunk = stream_settings(self.model.window).chunk
                session.prefill([asked.tokens[:first]], chunk=chunk, progress=listener.progress)
            generation = Generation(session, self.model.decode, limits=limits, draft=session.draft())
            heard = silent if first else listener.progress
            for piece in generation.run([asked.tokens[first:]], before=asked.tokens[:first], progress=heard):
                if listener.on_text is not None:
                    listener.on_text(piece.text)
            return generation.replies[0], session.nbytes(), session.chosen[0] if session.chosen else []
