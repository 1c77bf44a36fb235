"""What a study says: a mapping from a file or a program, with overrides."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from moe_search.errors import UserError
from moe_search.spec.file.document import (
    MAX_DEPTH,
    MAX_NODES,
    TOO_LARGE,
    Keys,
    Place,
    RefusedError,
    parse,
    say_error,
)
from moe_search.words import dotted, one_line, show

MAX_BYTES = 1_000_000


def _as_plain(value: Any, keys: Keys, places: dict[Keys, Place]) -> Any:
    """Turns what a program gives under ``keys`` into plain data, and adds the places of its values.

    Numbers and arrays of other packages, such as numpy's, say by ``tolist`` what they are.
    """
    places[keys] = Place(0, len(places), 0)
    if len(places) > MAX_NODES or len(keys) > MAX_DEPTH:
        raise UserError(f"study: {TOO_LARGE}")
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


class Content:
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
            data, places = parse(text, (), 0)
        except yaml.YAMLError as error:
            raise UserError(say_error(str(file), error, text)) from None
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
            value, places = parse(text, keys, number)
        except yaml.YAMLError as error:
            where = "--set" if isinstance(error, RefusedError) else f"--set {name}:"
            raise UserError(say_error(where, error, None)) from None
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
