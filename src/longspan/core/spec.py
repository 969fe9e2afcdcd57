"""Method strings: `kv=snapkv:budget=1024 rope=yarn:factor=4` to values, and values back to strings.

A setting goes to the method that has it: to the one named, else to what holds it, else to its parts. A part is chosen
by its seam's name (`split=adakv`), and `split.floor=0.3` says which of two methods a setting is for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from longspan.core.discover import ROOT, SEAMS, Entry, entries, seam
from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.core.setting import read, write

T = TypeVar("T")
CHOSEN = tuple(row.key for row in SEAMS if not row.part_of)
"""The seams that a method string names; the others are parts of these."""
PARTS = {row.key for row in SEAMS}


@dataclasses.dataclass
class Node:
    """A method on its way from text to value, with the parts it holds."""

    entry: Entry
    base: object | None = None
    """The value to start from: the default of the field it fills."""
    parts: dict[str, Node] = dataclasses.field(default_factory=dict)
    settings: dict[str, object] = dataclasses.field(default_factory=dict)

    @property
    def type(self) -> Any:
        """Its class."""
        return getattr(import_module(self.entry.module), self.entry.class_name)

    @property
    def fields(self) -> dict[str, Any]:
        """The default of everything it can be given, by name; MISSING where it must be."""
        given = [field for field in dataclasses.fields(self.type) if field.init]
        return {field.name: getattr(self.base, field.name, _default(field)) for field in given}

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Itself and everything it holds, the outermost first, each with its path (empty, `split`...)."""
        yield path, self
        for slot, part in self.parts.items():
            yield from part.walk(_below(path, slot))


def parse(text: str, *, root: Path = ROOT) -> dict[str, object]:
    """Build the value of every `seam=method` of a text; raises InputError naming what exists."""
    built: dict[str, object] = {}
    for word in text.split():
        key, equals, spec = word.partition("=")
        if key not in CHOSEN or not equals:
            raise InputError(_not_a_choice(word, key, root))
        if key in built:
            raise InputError(f"{key}= is given twice in {text!r}: name one method for it")
        built[key] = build(key, spec, root=root)
    return built


def parse_into(kind: type[T], text: str) -> T:
    """Build a value with a field per seam from a method string; raises InputError for a seam it has no field for."""
    chosen: dict[str, Any] = parse(text)
    here = [field.name for field in dataclasses.fields(cast(Any, kind))]
    for key in chosen:
        if key not in here:
            raise InputError(f"{key}= belongs to {seam(key).option}; here are {', '.join(here)}")
    return kind(**chosen)


def build(key: str, text: str, *, root: Path = ROOT) -> object:
    """Build the method of a seam that `name:field=value,field=value` says; raises InputError naming what exists."""
    name, _, rest = text.partition(":")
    given = _settings(text, rest)
    top = _open(key, name, root)
    named = next(iter(top.parts.values()), top)
    if taken := next((slot for slot in top.parts if slot in given), None):
        raise InputError(f"{name} is already the {taken} in {text!r}: leave {taken}= out")
    _fill(top, given, root)
    nodes = sorted(top.walk(), key=lambda pair: pair[1] is not named)
    for setting, value in given.items():
        _route(nodes, name, setting, value)
    return _make(top)


def spell(value: object, *, root: Path = ROOT) -> str:
    """Write the shortest method string of a method, of a mapping from seams, or of an object with a field per seam.

    Only what differs from a default is written, so plain things are short or empty. Raises ValueError for what no
    string says, such as a class of your own.
    """
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_spell(key, method, root)}" for key, method in value.items())
    entry = _entry_of(value, root)
    if entry is not None and entry.seam in CHOSEN:
        return f"{entry.seam}={_spell(entry.seam, value, root)}"
    if entry is None and dataclasses.is_dataclass(value):
        seams = [field for field in dataclasses.fields(value) if field.name in CHOSEN]
        if seams:
            chosen = {field.name: getattr(value, field.name) for field in seams}
            return spell({f.name: chosen[f.name] for f in seams if chosen[f.name] != _default(f)}, root=root)
    raise ValueError(f"{value!r} has no method string: only the methods of {', '.join(CHOSEN)} have one")


def _not_a_choice(word: str, key: str, root: Path) -> str:
    if key in PARTS and "=" in word:
        host = seam(key).part_of
        return f"{word!r}: {key} is a part of a {host} method; write it there, as in {host}=NAME:{word}"
    if homes := [entry.seam for entry in entries(root) if entry.name == _plain(word.partition(":")[0])]:
        return f"{word!r} names no seam: write {seam(homes[0]).part_of or homes[0]}={word}"
    return f"unknown seam {key!r} in {word!r}: {choices(key, CHOSEN)}. Settings of a method are joined by commas"


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def _settings(text: str, rest: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in filter(None, rest.split(",")):
        setting, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"{part!r} in {text!r} has no value: write field=value, joined by commas")
        if setting in given:
            raise InputError(f"{setting!r} is given twice in {text!r}")
        given[setting] = value
    return given


def _open(key: str, name: str, root: Path) -> Node:
    """The outermost method of a name: of the seam itself, or the host of a part so called."""
    key = seam(key).like or key
    here = {entry.name: entry for entry in entries(root) if entry.seam == key}
    guests = [row for row in SEAMS if row.part_of == key and row.host in here]
    inside = {entry.name: entry for entry in entries(root) if entry.seam in [row.key for row in guests]}
    if entry := here.get(_plain(name)):
        return Node(entry)
    if entry := inside.get(_plain(name)):
        return Node(here[seam(entry.seam).host], parts={entry.seam: Node(entry)})
    raise InputError(f"unknown {key} method {name!r}: {choices(name, [*here, *inside])}")


def _fill(node: Node, given: dict[str, str], root: Path) -> None:
    """Choose the parts of a method: as said, else as its defaults are."""
    for slot, default in node.fields.items():
        if slot not in PARTS or seam(slot).part_of not in ("", node.entry.seam):
            continue
        if slot not in node.parts and slot in given:
            node.parts[slot] = _open(slot, given.pop(slot), root)
        elif slot not in node.parts and (entry := _entry_of(default, root)):
            node.parts[slot] = Node(entry, base=default)
        if slot in node.parts:
            _fill(node.parts[slot], given, root)


def _route(nodes: list[tuple[str, Node]], name: str, setting: str, text: str) -> None:
    """Give a setting to the first method that has it."""
    path, _, field = setting.rpartition(".")
    taker = next((n for where, n in nodes if field in n.fields and field not in n.parts and path in ("", where)), None)
    if taker is None:
        raise InputError(
            f"{name} has no setting {setting!r}: {choices(setting, (f for _, n in nodes for f in n.fields))}"
        )
    try:
        taker.settings[field] = read(text, get_type_hints(taker.type)[field])
    except ValueError as error:
        raise InputError(f"{setting} of {name} {error} ({_meaning(taker.entry, field)})") from None


def _make(node: Node) -> object:
    given = {**node.settings, **{slot: _make(part) for slot, part in node.parts.items()}}
    if node.base is None:
        for name, default in node.fields.items():
            if name not in given and default is dataclasses.MISSING:
                raise InputError(f"{node.entry.name} needs {name}= ({_meaning(node.entry, name)})")
    try:
        return node.type(**given) if node.base is None else dataclasses.replace(cast(Any, node.base), **given)
    except ValueError as error:
        raise InputError(f"{node.entry.name}: {error}") from error


def _spell(key: str, value: object, root: Path) -> str:
    """The shortest text from which `build` makes an equal value."""
    entry = _entry_of(value, root)
    if entry is None or not dataclasses.is_dataclass(value):
        raise ValueError(f"{value!r} has no method string: it is not one of the library's methods")
    slots = [row.key for row in SEAMS if row.part_of == entry.seam and row.host == entry.name]
    for slot in (*slots, ""):
        part = _entry_of(getattr(value, slot, None), root)
        if slot and part is None:
            continue
        settings = _changes(value, slot, root)
        text = ":".join(filter(None, [part.name if part else entry.name, ",".join(settings)]))
        try:
            if build(key, text, root=root) == value:
                return text
        except InputError:
            continue
    raise ValueError(f"{value!r} has no method string: not all of its fields can be written")


def _changes(value: object, named: str, root: Path) -> list[str]:
    """The settings that differ from the defaults, for a text that names the part in the slot `named` (or the value)."""
    held = sorted(_held(value, None, root), key=lambda item: item[0] != named)
    written: list[str] = []
    for path, _, changed in held:
        for name, text in changed.items():
            first = next(where for where, other, _ in held if name in _names(other))
            if not (path == "" and name == named):
                written.append(f"{name if first == path or name in PARTS else _below(path, name)}={text}")
    return written


def _held(
    value: object, base: object | None, root: Path, path: str = ""
) -> Iterator[tuple[str, object, dict[str, str]]]:
    """A method and its parts: where each sits, and the text of what differs from `base` or else from the defaults."""
    changed: dict[str, str] = {}
    parts: list[tuple[str, object, object | None]] = []
    for field in dataclasses.fields(cast(Any, value)):
        mine, usual = getattr(value, field.name), getattr(base, field.name, _default(field))
        entry = _entry_of(mine, root) if field.name in PARTS else None
        if entry is not None:
            alike = type(mine) is type(usual)
            changed |= {} if alike else {field.name: entry.name}
            parts.append((_below(path, field.name), mine, usual if alike else None))
        elif field.init and mine != usual:
            changed[field.name] = write(mine)
    yield path, value, changed
    for where, mine, usual in parts:
        yield from _held(mine, usual, root, where)


def _names(value: object) -> set[str]:
    return {field.name for field in dataclasses.fields(cast(Any, value)) if field.init}


def _below(path: str, slot: str) -> str:
    return f"{path}.{slot}" if path else slot


def _meaning(entry: Entry, name: str) -> str:
    return next((f.meaning.rstrip(".") for f in entry.fields if f.name == name and f.meaning), f"see {entry.title}")


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default value; MISSING without one."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _entry_of(value: object, root: Path) -> Entry | None:
    where = (type(value).__module__, type(value).__name__)
    return next((entry for entry in entries(root) if (entry.module, entry.class_name) == where), None)
