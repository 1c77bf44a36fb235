"""Commands on a study: check it, look at it, mend it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_search.cli.group import (
    json_option,
    overrides_option,
    print_facts,
    print_json,
    studies_argument,
    study_options,
)
from moe_search.cli.talk import Talk, talks

if TYPE_CHECKING:
    from moe_search.report.results.study import Report


@click.command()
@study_options
@json_option
@talks
def validate(study: Path, overrides: tuple[str, ...], as_json: bool, talk: Talk) -> None:
    """Check a study and say what it will do; creates nothing."""
    from moe_search.report.text.asked import plain_study, rows_table, space_table, study_facts
    from moe_search.report.text.table import show
    from moe_search.spec import load_study

    checked = load_study(study, overrides)
    if as_json:
        print_json(plain_study(checked))
        return
    print_facts([*study_facts(checked), *vars(checked.stores).items()])
    if checked.parameters:
        click.echo()
        show(rows_table(checked) if checked.configurations else space_table(checked))


@click.command()
@study_options
@json_option
@talks
def status(study: Path, overrides: tuple[str, ...], as_json: bool, talk: Talk) -> None:
    """Say how far a study is."""
    from moe_search.spec import load_study

    checked = load_study(study, overrides)
    with talk.progress("opening the stores"):
        from moe_search.report.results.summary import plain, summarize
        from moe_search.report.text.search import summary_facts
        from moe_search.search.study_store import find_study

        summary = summarize(checked, find_study(checked), 1)
    if as_json:
        print_json(plain(summary))
    else:
        print_facts(summary_facts(summary))


def _page_option(form: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        f"--{form.lower()}",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, writable=True),
        help=f"Also write the report, with pictures, as {form}.",
    )


@click.command()
@studies_argument
@overrides_option
@json_option
@_page_option("Markdown")
@_page_option("HTML")
@talks
def report(
    studies: tuple[Path, ...],
    overrides: tuple[str, ...],
    as_json: bool,
    markdown: Path | None,
    html: Path | None,
    talk: Talk,
) -> None:
    """Show the best configurations, what mattered, and the finalists; or a comparison.

    Of two or more searches the champions are compared, too.
    """
    from moe_search.spec import load_study

    checked = [load_study(study, overrides) for study in studies]
    with talk.progress("opening the stores") as listener:
        from moe_search.report.pages.html import write_html
        from moe_search.report.pages.markdown import write_markdown
        from moe_search.report.pages.searches import studies_chapter
        from moe_search.report.pages.study import chapter, plain_report
        from moe_search.report.results.study import read_report
        from moe_search.search.study_store import find_study

        reports = [read_report(study, find_study(study)) for study in checked]
        if markdown is not None or html is not None:
            compared = studies_chapter(reports)
            drawn = (chapter(report, listener) for report in reports)
            pages = [*([compared] if compared else []), *drawn]
            if markdown is not None:
                write_markdown(pages, markdown)
            if html is not None:
                write_html(pages, html)
    if as_json:
        plain = [plain_report(report) for report in reports]
        print_json(plain[0] if len(plain) == 1 else plain)
    else:
        _print_reports(reports)


def _print_reports(reports: Sequence["Report"]) -> None:
    from moe_search.report.results.importances import FEWEST
    from moe_search.report.text.report import report_tables
    from moe_search.report.text.searches import studies_table
    from moe_search.report.text.table import show

    for report in reports:
        if len(reports) > 1:
            click.echo(f"{report.study.name}\n")
        for table in report_tables(report):
            show(table)
        if not report.rows and report.study.parameters and not report.importances:
            click.echo(f"Importances of the searched values need {FEWEST} complete trials.")
    if compared := studies_table(reports):
        show(compared)


@click.command()
@study_options
@json_option
@talks
def doctor(study: Path, overrides: tuple[str, ...], as_json: bool, talk: Talk) -> None:
    """Show and mend what a crash left in both stores; trains nothing.

    A run does the same when it starts.
    """
    from dataclasses import asdict

    from moe_search.spec import load_study

    checked = load_study(study, overrides)
    with talk.progress("looking at the stores"):
        from moe_search.search.mending import mend
        from moe_search.search.study_store import find_study
        from moe_search.stores.failures import told_in_one_line
        from moe_search.stores.lock import locked
        from moe_search.stores.optuna import open_storage

        find_study(checked)
        with told_in_one_line(checked), locked(checked):
            mended = mend(checked, open_storage(checked))
    if as_json:
        print_json({"study": checked.name} | asdict(mended))
        return
    for line in mended.lines() or ["nothing to mend"]:
        click.echo(line)


@click.command()
def schema() -> None:
    """Print the JSON Schema of study.yaml."""
    from moe_search.spec import json_schema

    print_json(json_schema())
