"""Commands on a study: check it, look at it, mend it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_search.cli.group import (
    json_option,
    overrides_option,
    print_facts,
    print_json,
    print_mistake,
    studies_argument,
    study_options,
)
from moe_search.cli.talk import Talk, talks
from moe_search.errors import UserError

if TYPE_CHECKING:
    from moe_search.report.results.outlook import Outlook


@click.command()
@studies_argument
@overrides_option
@click.option("--estimate", is_flag=True, help="Also time a few batches: about how long it takes.")
@json_option
@talks
@click.pass_context
def validate(
    ctx: click.Context,
    studies: tuple[Path, ...],
    overrides: tuple[str, ...],
    estimate: bool,
    as_json: bool,
    talk: Talk,
) -> None:
    """Check a study and its data, and say what it will do; creates nothing.

    Of several studies, one that is wrong does not keep the others from being checked.
    """
    from moe_search.report.text.outlook import plain_outlook

    found: list[Outlook] = []
    for file in studies:
        try:
            found.append(_outlook(file, overrides, estimate, talk))
        except UserError as error:
            if len(studies) == 1:
                raise
            where = "" if str(error).startswith(str(file)) else f"{file}: "
            print_mistake(error, where)
            continue
        if not as_json:
            _print_outlook(found[-1])
    if as_json:
        plain = [plain_outlook(one) for one in found]
        print_json(plain[0] if len(studies) == 1 else plain)
    if len(found) < len(studies):
        ctx.exit(2)


def _outlook(file: Path, overrides: tuple[str, ...], timed: bool, talk: Talk) -> "Outlook":
    from moe_search.spec import load_study

    study = load_study(file, overrides)
    with talk.progress("reading the data") as progress:
        from moe_search.report.results.outlook import outlook

        return outlook(study, timed, progress)


def _print_outlook(found: "Outlook") -> None:
    from moe_search.report.text.asked import nothing_searched
    from moe_search.report.text.outlook import outlook_facts, outlook_tables
    from moe_search.report.text.table import show

    print_facts(outlook_facts(found))
    click.echo()
    if note := nothing_searched(found.study):
        click.echo(f"{note}\n")
    for table in outlook_tables(found):
        show(table)


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
        from moe_search.report.text.asked import nothing_searched
        from moe_search.report.text.status import summary_facts
        from moe_search.search.study_store import find_study

        summary = summarize(checked, find_study(checked), 1)
    if as_json:
        print_json(plain(summary))
        return
    print_facts(summary_facts(summary))
    if note := nothing_searched(checked):
        click.echo(f"\n{note}")


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
        from moe_search.stores.failures import as_user_error
        from moe_search.stores.kinds import store_at
        from moe_search.stores.lock import study_lock
        from moe_search.stores.mlflow import open_store

        optuna_study, addresses = find_study(checked), checked.addresses
        with as_user_error(addresses), study_lock(checked.name, addresses):
            there = store_at(addresses.mlflow).exists()
            client = open_store(addresses.mlflow, create=False) if there else None
            mended = mend(optuna_study, client, addresses, checked.search.retries)
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
