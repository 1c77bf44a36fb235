"""Reads YAML safely into plain data that remembers where each value was written.

YAML 1.2's core schema decides what is a number (``1e-3`` is, ``010`` is ten) and what is true
(``true`` alone); tags that ask for objects do not exist here.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from moe_search.words import dotted, one_line

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


class RefusedError(yaml.MarkedYAMLError):
    """Sound YAML that has no place in a study."""

    def __init__(self, keys: Keys, problem: str, mark: Any) -> None:
        super().__init__(problem=f"{dotted(keys)}: {problem}", problem_mark=mark)


TOO_LARGE = (
    f"is too large; at most {MAX_NODES} values and {MAX_DEPTH} levels, aliases counted in full"
)


def _too_much(mark: Any) -> RefusedError:
    return RefusedError(("study",), TOO_LARGE, mark)


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
            raise RefusedError(keys, f"tag {tag} is not allowed; write plain values", mark)
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
                raise RefusedError((*keys, "?"), "a key must be one word", key.start_mark)
            if key.value in data:
                raise RefusedError((*keys, key.value), "is written twice", key.start_mark)
            data[key.value] = self.read(value, (*keys, key.value), key.start_mark)
        return data


def parse(text: str, keys: Keys, override: int) -> tuple[Any, dict[Keys, Place]]:
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


def say_error(where: str, error: yaml.YAMLError, text: str | None) -> str:
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
    refused = isinstance(error, RefusedError)
    return one_line(f"{place} {'' if refused else 'not valid YAML: '}{problem[:300]}")
