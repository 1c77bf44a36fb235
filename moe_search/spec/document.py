"""Reads YAML safely into plain data that remembers where each value was written.

YAML 1.2's core schema decides what is a number (``1e-3`` is, ``010`` is ten) and what is true
(``true`` alone); tags that ask for objects do not exist here. What a program gives in place of a
file becomes the same plain data.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from moe_search.errors import UserError
from moe_search.words import dotted, one_line, show

MAX_BYTES = 1_000_000
MAX_NODES = 10_000
MAX_DEPTH = 32

Keys = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Place:
    """Where a value was written: in the file (overrides come after it) or in an override.

    Of what a program gives, the line is the value's number in the order of writing.
    """

    override: int
    line: int
    column: int


class _Loader(yaml.SafeLoader):
    """Composes nodes of one document, few and shallow ones only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    nodes = 0
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise _too_much(self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _RefusedError(yaml.MarkedYAMLError):
    """Sound YAML that has no place in a study."""

    def __init__(self, keys: Keys, problem: str, mark: Any) -> None:
        super().__init__(problem=f"{dotted(keys)}: {problem}", problem_mark=mark)


_TOO_LARGE = (
    f"is too large; at most {MAX_NODES} values and {MAX_DEPTH} levels, aliases counted in full"
)


def _too_much(mark: Any) -> _RefusedError:
    return _RefusedError(("study",), _TOO_LARGE, mark)


_WORDS: dict[str, Any] = {
    **dict.fromkeys(("~", "null", "Null", "NULL", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]{1,1000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)")


def _scalar(text: str, quoted: bool) -> Any:
    if quoted:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text.lower().replace(".inf", "inf")) if _FLOAT.fullmatch(text) else text


class _Writer(yaml.SafeDumper):
    """Quotes text that would be read as something else."""

    yaml_implicit_resolvers: dict[str | None, Any] = {  # noqa: RUF012
        None: [
            ("tag:yaml.org,2002:null", re.compile("(~|null|Null|NULL|)$")),
            ("tag:yaml.org,2002:bool", re.compile("([tT]rue|TRUE|[fF]alse|FALSE)$")),
            ("tag:yaml.org,2002:int", re.compile(f"({_INT.pattern})$")),
            ("tag:yaml.org,2002:float", re.compile(f"({_FLOAT.pattern})$")),
        ]
    }

    def _text(self, text: str) -> yaml.Node:
        escaped = None if text.isprintable() else '"'
        node: yaml.Node = self.represent_scalar("tag:yaml.org,2002:str", text, style=escaped)
        return node


_Writer.add_representer(str, _Writer._text)


def as_yaml(data: Any) -> str:
    """Writes plain data as a document that is read back as the same data."""
    text: str = yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True)
    return text


_TAGS = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}


class _Reader:
    """Turns nodes into plain data, counting what aliases repeat."""

    def __init__(self, override: int) -> None:
        self.override = override
        self.nodes = 0
        self.places: dict[Keys, Place] = {}

    def read(self, node: yaml.Node, keys: Keys, mark: Any) -> Any:
        """Reads the value under ``keys``, which is written at the mark."""
        self.nodes += 1
        if self.nodes > MAX_NODES or len(keys) > MAX_DEPTH:
            raise _too_much(mark)
        if node.tag != _TAGS[type(node)]:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise _RefusedError(keys, f"tag {tag} is not allowed; write plain values", mark)
        self.places[keys] = Place(self.override, mark.line + 1, mark.column)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, keys)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node.value, quoted=node.style is not None)
        return [
            self.read(entry, (*keys, index), entry.start_mark)
            for index, entry in enumerate(node.value)
        ]

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _RefusedError((*keys, "?"), "a key must be one word", key.start_mark)
            if key.value in data:
                raise _RefusedError((*keys, key.value), "is written twice", key.start_mark)
            data[key.value] = self.read(value, (*keys, key.value), key.start_mark)
        return data


def _parse(text: str, keys: Keys, override: int) -> tuple[Any, dict[Keys, Place]]:
    """Parses one YAML document into data and the places of its values.

    Raises:
        yaml.YAMLError: it is malformed, too large, or asks for objects.
    """
    loader = _Loader(text)
    node = loader.get_single_node()
    reader = _Reader(override)
    if node is None:
        return None, {keys: Place(override, 1, 0)}
    return reader.read(node, keys, node.start_mark), reader.places


def _as_plain(value: Any, keys: Keys, places: dict[Keys, Place]) -> Any:
    """Turns what a program gives under ``keys`` into plain data, and adds the places of its values.

    Numbers and arrays of other packages, such as numpy's, say by ``tolist`` what they are.
    """
    places[keys] = Place(0, len(places), 0)
    if len(places) > MAX_NODES or len(keys) > MAX_DEPTH:
        raise UserError(f"study: {_TOO_LARGE}")
    if hasattr(value, "tolist"):
        value = value.tolist()
    match value:
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    path = dotted((*keys, str(key)))
                    raise UserError(one_line(f"{path}: a key must be text; got {show(key)}"))
            return {str(key): _as_plain(v, (*keys, str(key)), places) for key, v in value.items()}
        case list() | tuple() | range():
            return [_as_plain(v, (*keys, index), places) for index, v in enumerate(value)]
        case os.PathLike():
            return os.fspath(value)
        case None | str() | int() | float():
            return value
    got = type(value).__name__
    raise UserError(
        one_line(f"{dotted(keys)}: expected numbers, text, lists and mappings; got {got}")
    )


class Document:
    """A mapping, with overrides, and where each value of it was written.

    Attributes:
        data: plain data.
        file: from which it was read; None for what a program gives.
    """

    def __init__(
        self, data: dict[str, Any], places: dict[Keys, Place], file: Path | None = None
    ) -> None:
        self.data = data
        self.file = file
        self._places = places

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads a file of YAML.

        Raises:
            UserError: it cannot be read, or is not a mapping in plain YAML.
        """
        text = _text(file)
        try:
            data, places = _parse(text, (), 0)
        except yaml.YAMLError as error:
            raise UserError(_yaml_words(str(file), error, text)) from None
        if not isinstance(data, dict):
            got = "the file is empty" if data is None else f"got {show(data)}"
            raise UserError(f"{file}:1: expected keys such as name and data; {got}")
        return cls(data, places, file)

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Self:
        """Takes what a program gives.

        Numbers may be numpy's, lists tuples or arrays, and text paths.

        Raises:
            UserError: it is too large, or holds what YAML has no word for.
        """
        places: dict[Keys, Place] = {}
        return cls(_as_plain(mapping, (), places), places)

    def override(self, number: int, assignment: str) -> None:
        """Sets the value of ``training.epochs=3``; the number, from 1, orders overrides."""
        name, equals, text = assignment.partition("=")
        keys = tuple(name.strip().split("."))
        if not equals or not all(keys):
            raise UserError(
                one_line(f"--set {assignment}: expected KEY=VALUE, such as training.epochs=3")
            )
        try:
            value, places = _parse(text, keys, number)
        except yaml.YAMLError as error:
            where = "--set" if isinstance(error, _RefusedError) else f"--set {name}:"
            raise UserError(_yaml_words(where, error, None)) from None
        section = self.data.get(keys[0])
        if len(keys) > 1 and isinstance(section, str):  # data: mnist is data: {name: mnist}
            self.data[keys[0]] = {"name": section}
            self._places[keys[0], "name"] = self._places[keys[:1]]
        for length in range(1, len(keys)):
            self._places.setdefault(keys[:length], Place(number, 1, 0))
        others = {path: place for path, place in self._places.items() if path[: len(keys)] != keys}
        self._places = {**others, **places}
        self.data = _with(self.data, keys, value)

    def locate(self, loc: Sequence[str | int]) -> tuple[Keys, Place]:
        """Finds the user's keys of a place in the validated model, and where they are written.

        Elements that name no key, which pydantic puts in for alternatives, fall out. Keys that
        the document lacks count as written where their section is.
        """
        known: Keys = ()
        lacking: Keys = ()
        for element in loc:
            if not lacking and (*known, element) in self._places:
                known = (*known, element)
            elif str(element)[:1] not in ("<", "["):
                lacking = (*lacking, element)
        return known + lacking * isinstance(self._at(known), dict), self._places[known]

    def prefix(self, place: Place) -> str:
        """Starts the error about a value written there."""
        if place.override:
            return "--set "
        return f"{self.file}:{place.line}: " if self.file else ""

    def _at(self, keys: Keys) -> Any:
        value: Any = self.data
        for key in keys:
            value = value[key]
        return value


def _with(data: Any, keys: Keys, value: Any) -> Any:
    """Copies nested mappings with the value under the keys."""
    if not keys:
        return value
    mapping = data if isinstance(data, dict) else {}
    return {**mapping, keys[0]: _with(mapping.get(keys[0]), keys[1:], value)}


def _text(file: Path) -> str:
    try:
        if file.is_dir():
            raise UserError(one_line(f"{file}: is a folder; expected a YAML file"))
        if not file.exists():
            raise UserError(one_line(f"{file}: no such file"))
        if not file.is_file():
            raise UserError(one_line(f"{file}: is not a regular file; expected a YAML file"))
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{file}: has {size} bytes; a study has at most {MAX_BYTES}")
        raw = file.read_bytes()
    except OSError as error:
        raise UserError(one_line(f"{file}: cannot be read: {error.strerror}")) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(f"{file}:{line}: is not UTF-8 text; save the file as UTF-8") from None


def _yaml_words(where: str, error: yaml.YAMLError, text: str | None) -> str:
    """Says in one line what is wrong with YAML, and in which line where it was a file's text."""
    line, problem = 1, str(error)
    if isinstance(error, yaml.reader.ReaderError):
        line = (text or "").count("\n", 0, error.position) + 1
        problem = f"character #x{error.character:04x} is not allowed"
    elif isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = error.problem or ""
        if problem.startswith("but found") and error.context:
            problem = f"{error.context}, {problem}"
    place = where if text is None else f"{where}:{line}:"
    refused = isinstance(error, _RefusedError)
    return one_line(f"{place} {'' if refused else 'not valid YAML: '}{problem[:300]}")
