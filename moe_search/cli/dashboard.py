"""The command that starts the dashboards."""

from contextlib import ExitStack
from pathlib import Path

import click

from moe_search.cli.group import study_options
from moe_search.cli.talk import Talk, talks
from moe_search.progress import Note, Working
from moe_search.tracking.addresses import HOST, MLFLOW_PORT, OPTUNA_PORT

_PORT = click.IntRange(1, 65535)


@click.command()
@study_options
@click.option("--optuna-port", type=_PORT, default=OPTUNA_PORT, show_default=True)
@click.option("--mlflow-port", type=_PORT, default=MLFLOW_PORT, show_default=True)
@click.option(
    "--host",
    metavar="ADDRESS",
    default=HOST,
    show_default=True,
    help="Address of this machine, or name of it, to listen on.",
)
@click.option(
    "--i-know-it-has-no-login",
    "accepted",
    is_flag=True,
    help="Needed for a --host that other machines reach: they may change everything.",
)
@talks
def dashboard(
    study: Path,
    overrides: tuple[str, ...],
    optuna_port: int,
    mlflow_port: int,
    host: str,
    accepted: bool,
    talk: Talk,
) -> None:
    """Show the study in the Optuna dashboard and in MLflow until Ctrl-C, on this machine alone."""
    from moe_search.dashboard.exposure import check_host, exposed
    from moe_search.spec import load_study

    checked = load_study(study, overrides)
    reached = check_host(host, accepted)
    with ExitStack() as starting:
        listener = starting.enter_context(talk.progress("opening the stores"))
        from moe_search.dashboard.serve import serve
        from moe_search.search.study_store import find_study
        from moe_search.stores.optuna import open_storage

        find_study(checked)
        number = open_storage(checked.optuna_url).get_study_id_from_name(checked.name)
        listener(Note("starting both dashboards; Ctrl-C ends them"))
        if reached:
            click.echo(exposed(checked, host), err=True)  # whether or not -q is given
        listener(Working("waiting for both to answer"))

        def say(line: str) -> None:
            starting.close()
            click.echo(line)

        serve(checked, number, host.lower(), optuna_port, mlflow_port, say)
