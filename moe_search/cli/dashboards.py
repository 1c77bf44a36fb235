"""The command that starts the dashboards."""

from pathlib import Path

import click

from moe_search.cli.group import study_options

_PORT = click.IntRange(1, 65535)


@click.command()
@study_options
@click.option("--optuna-port", type=_PORT, default=8080, show_default=True)
@click.option("--mlflow-port", type=_PORT, default=5000, show_default=True)
def dashboard(study: Path, overrides: tuple[str, ...], optuna_port: int, mlflow_port: int) -> None:
    """Show the study in the Optuna dashboard and in MLflow, on this machine, until Ctrl-C."""
    from moe_search.report.dashboards import serve
    from moe_search.search.store import find_study, open_storage
    from moe_search.spec import load_study

    checked = load_study(study, overrides)
    find_study(checked)
    number = open_storage(checked).get_study_id_from_name(checked.name)
    click.echo("starting both dashboards; Ctrl-C ends them", err=True)
    serve(checked, number, optuna_port, mlflow_port, click.echo)
