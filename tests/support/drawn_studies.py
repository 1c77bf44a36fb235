"""Studies as Hypothesis draws them: valid ones, and any values at any keys."""

from typing import Any

from hypothesis import strategies as st

from moe_search.spec import METRICS, PRESETS
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.optimizers import OPTIMIZERS
from moe_search.spec.kinds.schedules import SCHEDULES


def sections(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


def choices(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"choices": st.lists(values, min_size=1, max_size=4, unique=True)})


def ranges(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = st.tuples(numbers, numbers, st.booleans())
    return pairs.map(lambda p: {"low": min(p[:2]), "high": max(p[:2]), "log": p[2]})


def searched_number(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return numbers | ranges(numbers) | choices(numbers)


def searched_word(*words: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(words) | choices(st.sampled_from(words))


POSITIVE = st.floats(1e-6, 1e3)
METRIC = st.sampled_from(sorted(METRICS))
STUDY = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
        | st.sampled_from(["08", "1e3", "null", "true", "0"]),
        "data": st.sampled_from(["digits", "mnist"])
        | st.fixed_dictionaries(
            {"name": st.just("arrays"), "path": st.just("x.npz")},
            optional={"validation": st.integers(1, 99) | st.floats(0.01, 0.99)},
        ),
    },
    optional={
        "description": st.text(st.characters(codec="utf-8")),
        "model": sections(
            kind=searched_word("moe", "single"),
            backbone=searched_word("auto", *PRESETS),
            experts=searched_number(st.integers(3, 20)),
            gate=searched_word(*GATES),
            gate_weights=searched_word("random", "zero"),
            perturbation=searched_number(POSITIVE),
            temperature=searched_number(POSITIVE),
            temperature_schedule=searched_word("constant", "quarters", "decay"),
            dual_temperature=searched_number(POSITIVE),
            output=searched_word("mixture", "stochastic", "top_k"),
            top_k=searched_number(st.integers(1, 3)),
        ),
        "regularizer": sections(
            kind=searched_word("none", "importance", "similarity", "both"),
            weight=searched_number(POSITIVE),
        ),
        "training": sections(
            epochs=st.integers(1, 9),
            lr=searched_number(POSITIVE),
            optimizer=searched_word(*OPTIMIZERS),
            momentum=searched_number(st.floats(0.01, 0.99)),
            schedule=searched_word(*SCHEDULES),
            warmup=searched_number(st.floats(0.01, 1.0)),
            early_stop=searched_number(st.integers(1, 9)),
            pretraining=searched_word("none", "peeking", "class_groups"),
            class_groups=searched_word("even", "superclasses", "0,1|2"),
            freeze_experts=st.booleans() | choices(st.booleans()),
            retrain_experts=searched_word("none", "same", "new"),
            distill=st.booleans() | choices(st.booleans()),
        ),
        "objective": st.dictionaries(METRIC, st.floats(-2, 2), min_size=1).map(
            lambda weights: {"maximize": weights}
        )
        | st.lists(METRIC, min_size=2, unique=True).map(lambda names: {"pareto": names}),
        "search": sections(
            trials=st.integers(1, 100),
            sampler=st.sampled_from(["tpe", "random"]),
            collapse=st.booleans() | st.just({"patience": 2}),
            timeout=st.sampled_from(["90m", 5, None]),
            workers=st.just("auto") | st.integers(1, 8),
        ),
    },
)
"""Content of a study.yaml that is valid."""

KEYS = st.sampled_from(["model", "experts", "low", "data", "name", "<range>", "[key]", "choices"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KEYS
TREE = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=8
)
PATHS = {
    *("name", "data", "data.validation", "model", "model.experts", "model.experts.low"),
    *("model.gate", "model.backbone", "objective", "objective.maximize", "objective.constraints"),
    *("search.points", "search.collapse", "search.timeout", "storage", "storage.optuna"),
}
