"""What a study will do, before anything is run; needs nothing but study.yaml."""

from dataclasses import asdict
from typing import Any

from moe_search.credentials import without_credentials
from moe_search.report.text.table import Table, value_text
from moe_search.spec import Choices, Domain, Parameter, Study, Value
from moe_search.spec.conditions import Condition
from moe_search.spec.kinds.kind import Kind
from moe_search.spec.kinds.metrics import target_in_words
from moe_search.spec.kinds.pruners import PRUNERS
from moe_search.spec.kinds.samplers import SAMPLERS
from moe_search.tracking.naming import written


def space_table(study: Study) -> Table:
    """What is searched: each parameter, its domain, and when it has a meaning."""
    domains = {parameter.path: parameter.domain for parameter in study.parameters}
    return Table(
        "Searched",
        ("parameter", "domain", "when"),
        tuple(
            (parameter.path, _domain(parameter.domain), _when(parameter, domains))
            for parameter in study.parameters
        ),
        frozenset({"parameter", "domain", "when"}),
    )


def rows_table(study: Study) -> Table:
    """What is compared: each row with what it changes of the study's own values."""
    return Table(
        "Compared",
        ("configuration", "seeds", "changes"),
        tuple(
            (
                name,
                str(row.seeds or study.search.seeds),
                ", ".join(f"{path} {value_text(value)}" for path, value in row.changes().items()),
            )
            for name, row in study.configurations.items()
        ),
        frozenset({"configuration", "changes"}),
    )


def study_facts(study: Study) -> list[tuple[str, str]]:
    """What is to be done, line by line; not where its results lie, which is a place's own."""
    search = study.search
    if study.configurations:
        return [
            ("study", study.name),
            ("data", study.data.name),
            ("trials", f"{study.trials}: {len(study.configurations)} configurations over seeds"),
        ]
    seeds = f" of {search.seeds} seeds" if search.seeds > 1 else ""
    trials = f"{study.trials}{seeds}"
    sampler = _with_meaning(search.sampler, SAMPLERS[search.sampler])
    pruner = _with_meaning(study.pruner, PRUNERS[study.pruner])
    facts = [
        ("study", study.name),
        ("data", study.data.name),
        ("objective", _objective(study)),
        ("trials", f"{trials}, sampler {sampler}, pruner {pruner}"),
    ]
    if study.race > 1:
        text = f"the last trials give what may be the best further seeds, up to {study.race} each"
        facts.append(("race", text))
    if search.earlier:
        found = ", ".join(map(without_credentials, search.earlier))
        facts.append(("from", f"the best of {found} are tried first"))
    if search.target:
        wanted = target_in_words(search.target)
        facts.append(("target", f"{wanted}; the first trial that has it ends the search"))
    return [*facts, ("finalists", _finals(study))]


def _with_meaning(name: str, kind: Kind) -> str:
    """A member's name, with what it is another name of."""
    return f"{name} ({kind.same_as})" if kind.same_as else name


def _finals(study: Study) -> str:
    finals = study.finalists
    if not finals.top:
        return "none"
    text = f"best {finals.top}, {finals.seeds} seeds each"
    if study.finals_race:
        text += f" that may win, {finals.trainings} models at most"
    if finals.retrain:
        text += f"; then the champion's {finals.seeds} times on training and validation data"
    return text


def nothing_searched(study: Study) -> str:
    """What to know of a study that searches nothing, and how to change that; empty of others."""
    if study.parameters:
        return ""
    return (
        "nothing is searched: every hyperparameter has one value, so one trial is all there is; "
        "give one a range such as model.experts: {low: 2, high: 8}, or list configurations to "
        "compare"
    )


def plain_study(study: Study) -> dict[str, Any]:
    """What JSON knows of what a study will do; hyperparameters that are fixed are left out."""
    domains = {parameter.path: parameter.domain for parameter in study.parameters}
    searched = {
        parameter.path: {
            **parameter.domain.model_dump(mode="json"),
            "when": _conditions(parameter, domains),
        }
        for parameter in study.parameters
    }
    compared = study.model_dump(mode="json", include={"configurations"}, exclude_unset=True)
    return {
        "study": study.name,
        "data": study.data.name,
        "objective": study.objective.model_dump(mode="json", exclude_none=True),
        "trials": study.trials,
        "seeds": study.search.seeds,
        "sampler": study.search.sampler,
        "pruner": study.pruner,
        "race": study.race,
        "from": [without_credentials(given) for given in study.search.earlier],
        "target": study.search.target,
        "finalists": study.finalists.model_dump(
            include={"top", "seeds", "race", "budget", "retrain"}, exclude_none=True
        ),
        "searched": {} if study.configurations else searched,
        "compared": compared.get("configurations", {}),
        "stores": asdict(study.stores),
    }


def _objective(study: Study) -> str:
    objective = study.objective
    if objective.maximize is not None:
        terms = [
            f"{'-' if weight < 0 else '+'} {abs(weight):g} {name}"
            for name, weight in objective.maximize.items()
        ]
        goal = f"maximize {' '.join(terms).removeprefix('+ ')}"
    else:
        goal = f"trade off {', '.join(objective.pareto or ())}"
    bounds = [
        f"{name} {words} {limit:g}"
        for name, bound in objective.constraints.items()
        for words, limit in (("at most", bound.at_most), ("at least", bound.at_least))
        if limit is not None
    ]
    return goal + (f"; keep {', '.join(bounds)}" if bounds else "")


def _domain(domain: Domain) -> str:
    if isinstance(domain, Choices):
        return ", ".join(map(written, domain.choices))
    step = f", step {domain.step:g}" if domain.step not in (None, 1) else ""
    log = ", log" if domain.log else ""
    return f"{value_text(domain.low)} to {value_text(domain.high)}{step}{log}"


def _when(parameter: Parameter, domains: dict[str, Domain]) -> str:
    alternatives = [
        " or ".join(
            f"{path} is {' or '.join(values) if values else 'above 0'}"
            for path, values in _values(condition, domains).items()
        )
        for condition in parameter.when
    ]
    return " and ".join(alternatives)


def _conditions(parameter: Parameter, domains: dict[str, Domain]) -> dict[str, list[str]]:
    """By path, those of the values that give it a meaning that are chosen among."""
    return {
        path: values
        for condition in parameter.when
        for path, values in _values(condition, domains).items()
    }


def _values(condition: Condition, domains: dict[str, Domain]) -> dict[str, list[str]]:
    """By path, the choices that a condition allows; none where the path has a range."""
    return {
        when.path: [str(choice) for choice in _choices(domains[when.path]) if when.allows(choice)]
        for when in condition.parts()
        if when.path in domains
    }


def _choices(domain: Domain) -> tuple[Value, ...]:
    """What is chosen among; nothing of a range."""
    return domain.choices if isinstance(domain, Choices) else ()
