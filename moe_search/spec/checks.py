"""Checks of study.yaml that span sections; each raises the error of a pydantic validator."""

from collections.abc import Mapping, Sequence

from moe_search.spec.backbones import NAMES
from moe_search.spec.base import spec_error
from moe_search.spec.comparison import Row
from moe_search.spec.conditions import conditions
from moe_search.spec.configuration import Model
from moe_search.spec.differences import describe_domain
from moe_search.spec.domains import Domain, FloatRange, IntRange, options
from moe_search.spec.kinds.installed import installed
from moe_search.spec.kinds.pruners import PRUNERS
from moe_search.spec.kinds.samplers import SAMPLERS
from moe_search.spec.kinds.term_weights import TERM_NAMES
from moe_search.spec.searchable import Parameter
from moe_search.spec.sections import Data, Finalists, Objective, Search
from moe_search.words import did_you_mean, show


def check_listed(
    rows: Mapping[str, Row], data: Data, search: Search, settings: Mapping[str, object]
) -> None:
    """Refuses a study that both lists configurations and searches, or searches without a split."""
    searched = [path for path, value in settings.items() if isinstance(value, Domain)]
    if rows and searched:
        raise spec_error(
            "lists what is compared, so nothing can be searched; "
            f"give {searched[0]} a plain value, or leave configurations out",
            "configurations",
        )
    if rows and search.target:
        raise spec_error(
            "ends a search, and a comparison trains all that it lists; leave it out",
            "search",
            "target",
        )
    if not rows and data.validation == 0:
        raise spec_error(
            "0 leaves a search nothing to choose by; expected a count of samples from 1 or a "
            "fraction between 0 and 1, or configurations to compare",
            "data",
            "validation",
        )


def check_backbone(setting: object, *place: str) -> None:
    """Refuses a backbone that is neither moe-search's own nor installed."""
    names = [name for name in options(setting) if isinstance(name, str) and name not in NAMES]
    allowed = (*NAMES, *installed()) if names else NAMES
    for name in names:
        if name not in allowed:
            raise spec_error(
                f"{show(name)} is unknown{did_you_mean(name, allowed)} allowed: "
                f"{', '.join(allowed)}, or another that an installed package declares",
                *place,
            )


def check_top_k(settings: Mapping[str, object], *place: str) -> None:
    """Refuses a study in which a trial could use more experts per sample than it has."""
    conditioned = conditions(Model.model_fields["top_k"])
    used = all(condition.may_hold(settings) for condition in conditioned)
    largest, smallest = max(ends(settings["model.top_k"])), min(ends(settings["model.experts"]))
    if used and largest > smallest:
        raise spec_error(
            f"top_k may be {largest} where model.experts may be {smallest}; "
            f"keep top_k at most {smallest} or experts at least {largest}",
            *place,
        )


def check_terms(settings: Mapping[str, object], *place: str) -> None:
    """Refuses terms that are given both by ``kind`` and by weights of their own."""
    if options(settings["regularizer.kind"]) == ("none",):
        return
    for name in TERM_NAMES:
        if settings[f"regularizer.{name}"] != 0:
            raise spec_error(
                "gives a term a weight beside kind; leave kind and weight out, and give each term "
                "its weight",
                *place,
                name,
            )


def check_early_stop(
    settings: Mapping[str, object], data: Data, finalists: Finalists, *place: str
) -> None:
    """Refuses to stop by the accuracy on a validation split that there is not, or that is learned.

    A model that is retrained on all samples has none left that could judge its epochs.
    """
    stops = any(ends(settings["training.early_stop"]))
    if stops and finalists.retrain:
        raise spec_error(
            "all leaves no validation samples for training.early_stop to judge by; leave one of "
            "the two out",
            "finalists",
            "retrain",
        )
    if stops and data.validation == 0:
        raise spec_error(
            "judges by the validation split, and data.validation is 0; "
            "leave early_stop out, or give a validation split",
            *place,
            "early_stop",
        )


def ends(setting: object) -> tuple[int, ...]:
    """The least and the largest whole number that a hyperparameter may be, or all its choices."""
    ends = (setting.low, setting.high) if isinstance(setting, IntRange) else options(setting)
    return tuple(end for end in ends if isinstance(end, int))


def check_sampler(search: Search, objective: Objective, parameters: Sequence[Parameter]) -> None:
    """Refuses a sampler or a pruner that cannot do what the study asks."""
    if objective.pareto and search.pruner and PRUNERS[search.pruner].stops:
        raise spec_error(
            f"{search.pruner} cannot stop trials of several objectives; "
            "leave pruner out, or give objective.maximize instead of pareto",
            "search",
            "pruner",
        )
    if objective.pareto and not SAMPLERS[search.sampler].several_objectives:
        *others, last = SAMPLERS.names(lambda kind: kind.several_objectives)
        raise spec_error(
            f"{search.sampler} cannot search several objectives; "
            f"expected {', '.join(others)} or {last}",
            "search",
            "sampler",
        )
    sampler = SAMPLERS[search.sampler]
    if search.pruner and sampler.pruner not in (None, search.pruner):
        raise spec_error(
            f"{search.sampler} is {sampler.same_as}; leave pruner out, or take another sampler",
            "search",
            "pruner",
        )
    endless = [p.path for p in parameters if isinstance(p.domain, FloatRange) and not p.domain.step]
    if SAMPLERS[search.sampler].tries_all and endless:
        raise spec_error(
            f"{search.sampler} needs a finite space, and {endless[0]} has no step; "
            "give it a step or choices, or take another sampler",
            "search",
            "sampler",
        )


def check_choice(finalists: Finalists, objective: Objective) -> None:
    """Refuses to choose a champion by what is no objective of a front."""
    if finalists.choose and finalists.choose not in (objective.pareto or ()):
        among = ", ".join(objective.pareto or ())
        instead = (
            f"expected one of {among}" if among else "leave it out: objective.maximize chooses"
        )
        raise spec_error(
            f"{finalists.choose} is not in objective.pareto; {instead}", "finalists", "choose"
        )


def check_device(search: Search) -> None:
    """Refuses workers that have another device than the study asks for."""
    misfit = search.executor.options.misfit(search.device) if search.executor else None
    if misfit:
        raise spec_error(misfit, "search", "device")


def check_points(search: Search, parameters: Sequence[Parameter]) -> None:
    """Refuses known points outside the searched space."""
    domains = {parameter.path: parameter.domain for parameter in parameters}
    for number, point in enumerate(search.points):
        for path, value in point.items():
            place = ("search", "points", number, path)
            if path not in domains:
                hint = did_you_mean(path, domains)
                allowed = ", ".join(domains) or "none"
                raise spec_error(f"is not searched{hint} searched are: {allowed}", *place)
            if not domains[path].contains(value):
                raise spec_error(
                    f"{show(value)} is outside {describe_domain(domains[path].model_dump())}",
                    *place,
                )
