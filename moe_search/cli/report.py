"""The command that shows what studies found."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_search.cli.files import check_folder, writing
from moe_search.cli.group import json_option, overrides_option, print_json, studies_argument
from moe_search.cli.talk import Talk, talks

if TYPE_CHECKING:
    from moe_search.report.results.study import Report


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
    check_folder("--markdown", markdown)
    check_folder("--html", html)
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
                with writing("--markdown", markdown):
                    write_markdown(pages, markdown)
            if html is not None:
                with writing("--html", html):
                    write_html(pages, html)
    if as_json:
        plain = [plain_report(report) for report in reports]
        print_json(plain[0] if len(plain) == 1 else plain)
    else:
        _print_reports(reports)


def _print_reports(reports: Sequence["Report"]) -> None:
    from moe_search.report.results.importances import TOO_FEW
    from moe_search.report.text.report import report_tables
    from moe_search.report.text.searches import studies_table
    from moe_search.report.text.status import failure_text
    from moe_search.report.text.table import show

    for report in reports:
        if len(reports) > 1:
            click.echo(f"{report.study.name}\n")
        for table in report_tables(report):
            show(table)
        if failure := failure_text(report.summary):
            click.echo(failure)
        elif not report.rows and report.study.parameters and not report.importances:
            click.echo(TOO_FEW)
    if compared := studies_table(reports):
        show(compared)
