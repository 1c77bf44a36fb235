"""Study files spoilt in every way that people, editors and disks spoil them."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import yaml

Tree = Any
Keys = tuple[str | int, ...]

VALUES: tuple[Tree, ...] = (
    *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e-300, 1e300),
    *("", " ", "auto", "none", "off", "yes", "08", "1e3", "0x10", "~", "../..", "/", "x" * 5000),
    *(
        "a\nb",
        "tab\t",
        "\u2028",
        "\x07",
        "\N{GRINNING FACE}",
        "%s{0}",
        "<value>",
        "[key]",
        "${HOME}",
    ),
    *(
        [],
        {},
        [[]],
        {"": {}},
        {"low": 3},
        {"low": 9, "high": 1},
        {"low": 0, "high": 1, "log": True},
    ),
    *({"choices": []}, {"choices": [1, 1]}, {"choices": [None, "moe"]}, {"low": "a", "high": "b"}),
    *({"low": 1, "high": 10**400}, {"low": 1, "high": 2, "choices": [1]}, {"choices": [0.1] * 500}),
    *([{"conv": 3}, "relu"], {"expert": [], "gate": []}, {"expert": [{"linear": 1}] * 300}),
    *([{"model.experts": 3}], {"accuracy": 1e300}, "sqlite:///x.db", "sqlite://", "http://[::1"),
)
TOKENS = (
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        "- ",
        "? ",
        ",",
        "#",
        "'",
        '"',
        "|",
        ">",
        "%YAML 9.9\n",
        "---\n",
    ),
    *(
        "...\n",
        "\t",
        "\r",
        "\n\n",
        "&a ",
        "*a ",
        "<<: *a\n",
        "!!python/name:os.system ",
        "!x ",
        "!!",
    ),
    *(".nan", "-.inf", "1e999", "0o17", "1_000", "2001-12-14", "=", "@", "`", "\ufeff", "\x00"),
    *(
        "\x07",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\u2029",
        "\ud800",
        "\U0010ffff",
        "&a [*a]",
        "&a {b: *a}",
    ),
)


def spoilt(text: str, drawn: random.Random) -> bytes:
    """The study with one to three faults."""
    faults = [drawn.choice((*TREES, *TEXTS)) for _ in range(drawn.randint(1, 3))]
    if any(fault in TREES for fault in faults):
        tree = yaml.safe_load(text)
        for fault in faults:
            if fault in TREES and tree:
                fault(tree, drawn)
        text = drawn.choice((_as_json, _as_yaml))(tree)
    for fault in faults:
        if fault in TEXTS:
            text = fault(text, drawn)
    raw = text.encode("utf-8", "surrogatepass")
    return _flipped(raw, drawn) if drawn.random() < 0.05 else raw


def _as_json(tree: Tree) -> str:
    return json.dumps(tree, ensure_ascii=False)


def _as_yaml(tree: Tree) -> str:
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return text


def _places(tree: Tree, keys: Keys = ()) -> Iterator[Keys]:
    if keys:
        yield keys
    inner: Any = tree.items() if isinstance(tree, dict) else ()
    for key, value in enumerate(tree) if isinstance(tree, list) else inner:
        yield from _places(value, (*keys, key))


def _place(tree: Tree, drawn: random.Random) -> tuple[Tree, Any]:
    """What holds some value of the tree, and its key there."""
    *above, key = drawn.choice(list(_places(tree)))
    for one in above:
        tree = tree[one]
    return tree, key


def _replace(tree: Tree, drawn: random.Random) -> None:
    holder, key = _place(tree, drawn)
    holder[key] = drawn.choice(VALUES)


def _swap(tree: Tree, drawn: random.Random) -> None:
    (one, key), (other, other_key) = _place(tree, drawn), _place(tree, drawn)
    copy = json.loads(json.dumps([one[key], other[other_key]]))
    other[other_key], one[key] = copy


def _delete(tree: Tree, drawn: random.Random) -> None:
    holder, key = _place(tree, drawn)
    del holder[key]


def _rename(tree: Tree, drawn: random.Random) -> None:
    holder, key = _place(tree, drawn)
    if isinstance(holder, dict) and isinstance(key, str):
        words = [str(keys[-1]) for keys in _places(tree)]
        holder[drawn.choice([key[1:], f"{key}s", key.upper(), *words])] = holder.pop(key)


def _nest(tree: Tree, drawn: random.Random) -> None:
    holder, key = _place(tree, drawn)
    for _ in range(drawn.choice([1, 2, 30, 60])):
        holder[key] = {key: holder[key]} if drawn.random() < 0.5 else [holder[key]]


def _insert_token(text: str, drawn: random.Random) -> str:
    at = drawn.randrange(len(text) + 1)
    return text[:at] + drawn.choice(TOKENS) + text[at:]


def _cut(text: str, drawn: random.Random) -> str:
    at = drawn.randrange(len(text) + 1)
    return text[:at] + text[at + drawn.randint(1, 40) :]


def _truncate(text: str, drawn: random.Random) -> str:
    return text[: drawn.randrange(len(text) + 1)]


def _double(text: str, drawn: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    lines.insert(drawn.randrange(len(lines) + 1), drawn.choice(lines))
    return "".join(lines)


def _indent(text: str, drawn: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    lines[drawn.randrange(len(lines))] = drawn.choice((" ", "    ", "\t")) + drawn.choice(lines)
    return "".join(lines)


def _repeat(text: str, drawn: random.Random) -> str:
    at = drawn.randrange(len(text) + 1)
    return text[:at] + drawn.choice("[{- :9a\"'&*!") * drawn.choice([30, 1000, 100_000]) + text[at:]


def _alias(text: str, drawn: random.Random) -> str:
    """Anchors a value, and repeats it in the place of another."""
    places = [at for at, letter in enumerate(text) if text[at - 1 : at + 1] == ": " and letter]
    if len(places) < 2:
        return text
    first, second = sorted(drawn.sample(places, 2))
    return text[: first + 1] + "&a " + text[first + 1 : second + 1] + "*a " + text[second + 1 :]


def _flipped(raw: bytes, drawn: random.Random) -> bytes:
    if not raw:
        return raw
    at = drawn.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << drawn.randrange(8))]) + raw[at + 1 :]


TREES: tuple[Callable[[Tree, random.Random], None], ...] = (
    _replace, _replace, _replace, _swap, _delete, _rename, _nest,
)  # fmt: skip
TEXTS: tuple[Callable[[str, random.Random], str], ...] = (
    _insert_token, _insert_token, _cut, _truncate, _double, _indent, _repeat, _alias,
)  # fmt: skip
