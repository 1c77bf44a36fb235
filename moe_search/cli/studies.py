"""Commands on a study: check it, look at it, mend it."""

from pathlib import Path

import click

from moe_search.cli.group import (
    json_option,
    print_facts,
    print_json,
    study_options,
)
from moe_search.cli.talk import Talk, talks


@click.command()
@study_options
@json_option
@talks
def validate(study: Path, overrides: tuple[str, ...], as_json: bool, talk: Talk) -> None:
    """Check a study and say what it will do; creates nothing."""
    from moe_search.report.text.asked import (
        nothing_searched,
        plain_study,
        rows_table,
        space_table,
        study_facts,
    )
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
    elif note := nothing_searched(checked):
        click.echo(f"\n{note}")


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
