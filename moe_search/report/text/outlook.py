"""What ``validate`` says of a study: what it will do, with what data, and how much that is."""

from typing import Any

from moe_search.data.contents import Contents
from moe_search.report.results.outlook import Outlook
from moe_search.report.text.asked import plain_study, rows_table, space_table, study_facts
from moe_search.report.text.table import Table
from moe_search.spec.kinds.pruners import PRUNERS
from moe_search.words import duration

_FEW = 10
"""Training samples of a class, below which it is named."""
_NAMED, _SHOWN = 5, 20
"""Classes that are named in a line, and in a table."""


def outlook_facts(found: Outlook) -> list[tuple[str, str]]:
    """What is to be done, line by line, and where its results will lie."""
    facts = [*study_facts(found.study), *_data_facts(found), ("size", _size(found))]
    if found.estimate is not None:
        facts.append(("estimate", _estimate(found)))
    return [*facts, *vars(found.study.stores).items()]


def outlook_tables(found: Outlook) -> list[Table]:
    """What is searched or compared, and the samples of each class."""
    study, tables = found.study, []
    if study.parameters:
        tables.append(rows_table(study) if study.configurations else space_table(study))
    if found.contents is not None:
        tables.append(_samples_table(found.contents))
    return tables


def plain_outlook(found: Outlook) -> dict[str, Any]:
    """What JSON knows of it."""
    contents, size = found.contents, found.size
    sizes: dict[str, Any] = {"trainings": size.trainings, "epochs": list(size.epochs)}
    plain = plain_study(found.study) | {"shape": None, "samples": None, "size": sizes}
    if contents is not None:
        sizes["sample_epochs"] = list(size.sample_epochs(contents.samples["training"]))
        plain["shape"] = list(contents.shape)
        plain["samples"] = {
            split: dict(zip(contents.classes, counts, strict=True))
            for split, counts in contents.counts.items()
        }
    if found.estimate is not None:
        plain["estimate"] = vars(found.estimate)
    return plain


def _data_facts(found: Outlook) -> list[tuple[str, str]]:
    contents = found.contents
    if contents is None:
        name = found.study.data.name
        return [("samples", f"not here; run, or moe-search data prepare {name}, downloads them")]
    splits = ", ".join(f"{count:,} {split}" for split, count in contents.samples.items())
    shape = " x ".join(map(str, contents.shape))
    facts = [("samples", f"{splits}; each of {shape}, {len(contents.classes)} classes")]
    if contents.stand_in:
        facts.append(("", "nothing is held out: validation samples are training samples"))
    training = contents.counts["training"]
    few = [number for number in _rarest_first(contents) if training[number] < _FEW]
    if few:
        named = ", ".join(f"{contents.classes[n]} ({training[n]})" for n in few[:_NAMED])
        more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
        facts.append(("rare classes", f"fewer than {_FEW} training samples: {named}{more}"))
    return facts


def _size(found: Outlook) -> str:
    size, study = found.size, found.study
    trainings = _several("training", f"{size.trainings:,}")
    text = f"{trainings}, {_several('epoch', _between(*size.epochs))}"
    if found.contents is not None:
        seen = size.sample_epochs(found.contents.samples["training"])
        text += f", {_between(*seen)} sample-epochs"
    less = {
        "where trials are stopped early": PRUNERS[study.pruner].stops or study.collapse,
        "once a trial reaches the target": study.search.target,
    }
    reasons = " or ".join(reason for reason, given in less.items() if given)
    return f"{text}; less {reasons}" if reasons else text


def _estimate(found: Outlook) -> str:
    estimate = found.estimate
    assert estimate is not None
    workers = _several("worker", str(estimate.workers))
    configurations = _several("configuration", str(estimate.configurations))
    return (
        f"about {duration(estimate.seconds)} of training if none is stopped early, with {workers} "
        f"on this machine as busy as it is now; by a batch of {configurations} drawn at random"
    )


def _samples_table(contents: Contents) -> Table:
    """Samples of each class by split; of many classes those with the fewest training samples."""
    shown, title = list(range(len(contents.classes))), "Samples"
    if len(shown) > _SHOWN:
        title += f" of {_SHOWN} of {len(shown)} classes, those with the fewest"
        shown = _rarest_first(contents)[:_SHOWN]
    rows = tuple(
        (contents.classes[n], *(f"{counts[n]:,}" for counts in contents.counts.values()))
        for n in shown
    )
    return Table(title, ("class", *contents.counts), rows, frozenset({"class"}))


def _rarest_first(contents: Contents) -> list[int]:
    return sorted(range(len(contents.classes)), key=contents.counts["training"].__getitem__)


def _several(what: str, count: str) -> str:
    return f"{count} {what}" if count == "1" else f"{count} {what}s"


def _between(least: int, most: int) -> str:
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"
