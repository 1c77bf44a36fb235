"""A study's data, as far as a run has read it."""

from moe_search.report.results.study import Report

_NAMED = 100  # classes


def data_facts(report: Report) -> list[tuple[str, str]]:
    """Samples by split and the classes' names, as far as a run has read the data."""
    facts = []
    if report.samples:
        splits = (f"{split} {count:,}" for split, count in report.samples.items())
        facts.append(("samples", ", ".join(splits)))
    if names := report.class_names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        facts.append(("classes", f"{len(names)}: {', '.join(names[:_NAMED])}{more}"))
    return facts
