"""The command line, ``moe-search``."""

import click

from moe_search.cli.dashboard import dashboard
from moe_search.cli.data import data, init
from moe_search.cli.group import SETTINGS, Group
from moe_search.cli.models import distill, explain, predict, pull
from moe_search.cli.report import report
from moe_search.cli.run import run
from moe_search.cli.studies import doctor, schema, status, validate

__all__ = ["main"]


@click.group(cls=Group, context_settings=SETTINGS)
@click.version_option(package_name="moe-search", message="%(version)s")
def main() -> None:
    """Search hyperparameters of Mixture-of-Experts classifiers.

    A study is one YAML file. Its results lie beside it: an Optuna store, an MLflow store and a
    folder of artifacts.
    """


COMMANDS = (
    *(init, run, validate, status, report, doctor, dashboard),  # on studies
    *(pull, distill, predict, explain),  # on models
    *(data, schema),
)
for command in COMMANDS:
    main.add_command(command)
