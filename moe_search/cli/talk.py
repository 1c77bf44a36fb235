"""How much a command says on stderr, where its errors go, too: the options -q and -v."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from moe_search.search.events import Listener

VERBOSE = "moe_search.verbose"
"""Key of a click context's ``meta``: whether a mistake's cause is told."""


@dataclass(frozen=True)
class Talk:
    """What a command may say besides its results and errors."""

    quiet: bool
    verbose: bool

    @contextmanager
    def progress(self, text: str) -> "Iterator[Listener]":
        """Show on stderr that something takes a while; what the listener is told comes after.

        Results are printed behind the context: within it stdout belongs to the display.
        """
        from rich.console import Console

        from moe_search.cli import terminal
        from moe_search.progress import Working

        console = Console(file=sys.stderr, quiet=self.quiet)
        with terminal.progress(console, self.verbose) as listener:
            listener(Working(text))
            yield listener


def talks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options -q and -v, and what they mean as its argument ``talk``."""

    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors.")
    @click.option("-v", "--verbose", is_flag=True, help="Also say where an error came from.")
    @functools.wraps(command)
    def talking(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> None:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose exclude each other")
        click.get_current_context().meta[VERBOSE] = verbose
        command(*arguments, talk=Talk(quiet, verbose), **options)

    return talking
