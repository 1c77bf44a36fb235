"""What all commands share: how they fail, and their common arguments.

Nothing heavy is imported here or at the top of any file of commands, so ``--help`` is instant.
"""

import atexit
import gc
import json
import signal
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from moe_search.cli.talk import VERBOSE
from moe_search.credentials import without_credentials
from moe_search.errors import UserError
from moe_search.search.interrupt import stoppable

INTERRUPTED = 128 + signal.SIGINT
"""Exit status after Ctrl-C, as shells have it; after SIGTERM and a closed terminal, too."""

SETTINGS = {"help_option_names": ["-h", "--help"]}


class Group(click.Group):
    """Prints the user's mistakes in one line; every other exception keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        atexit.register(gc.freeze)  # or Python looks through all there is before it ends, a second
        try:
            with stoppable():
                return super().invoke(ctx)
        except UserError as error:
            print_mistake(error)
            if ctx.meta.get(VERBOSE):
                cause = "".join(traceback.format_exception(error))
                click.echo(without_credentials(cause), err=True, nl=False)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("moe-search: stopped", err=True)
            ctx.exit(INTERRUPTED)


def print_mistake(error: UserError, where: str = "") -> None:
    """A mistake on stderr, below the lines that it sums up."""
    for line in (*getattr(error, "__notes__", ()), f"{where}{error}"):
        click.echo(f"moe-search: {line}", err=True)


study_argument = click.argument("study", metavar="STUDY.yaml", type=click.Path(path_type=Path))

studies_argument = click.argument(
    "studies", metavar="STUDY.yaml...", type=click.Path(path_type=Path), nargs=-1, required=True
)

overrides_option = click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Override a key of the study, such as training.epochs=3; may be repeated.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")


def study_options(command: Callable[..., None]) -> Callable[..., None]:
    """A study and what is set in it."""
    return study_argument(overrides_option(command))


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and what there is to say of each, on stdout."""
    for name, text in facts:
        click.echo(f"{name:<15}{text}")
