"""The command that runs studies."""

import shlex
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moe_search.cli.group import (
    INTERRUPTED,
    json_option,
    overrides_option,
    print_json,
    print_mistake,
    studies_argument,
)
from moe_search.cli.notify import Notifier, notify_option
from moe_search.cli.talk import Talk, talks
from moe_search.credentials import without_credentials
from moe_search.errors import UserError

if TYPE_CHECKING:
    from moe_search.data import Reader
    from moe_search.report.outcome import Outcome
    from moe_search.report.text.table import Table
    from moe_search.spec import Study


@dataclass(frozen=True)
class _Result:
    """How the run of one study ended.

    Attributes:
        text: in one line, for a message and a summary.
        status: the exit status it asks for.
        outcome: None of a run that failed.
    """

    study: str
    text: str
    status: int
    outcome: "Outcome | None" = None

    @property
    def plain(self) -> dict[str, Any]:
        """What JSON knows of it."""
        from moe_search.report.outcome import plain_outcome

        if self.outcome is None:
            return {"study": self.study, "error": self.text}
        return plain_outcome(self.outcome)


@click.command()
@studies_argument
@overrides_option
@notify_option
@json_option
@talks
@click.pass_context
def run(
    ctx: click.Context,
    studies: tuple[Path, ...],
    overrides: tuple[str, ...],
    notify: str | None,
    as_json: bool,
    talk: Talk,
) -> None:
    """Search until the study has its trials, judge the finalists, register the champion.

    The same command goes on where an earlier one ended. With --verbose it tells every epoch.
    Several studies run one after another; one that fails does not stop the rest.
    """
    from moe_search.data import Reader
    from moe_search.spec import load_study

    checked = [load_study(study, overrides) for study in studies]
    notifier = Notifier(notify)
    alone = len(studies) == 1
    results: list[_Result] = []
    with closing(Reader()) as read:
        for number, (study, file) in enumerate(zip(checked, studies, strict=True)):
            read.keep(later.source for later in checked[number:])
            again = _for_shell([file], overrides)
            with notifier.failure(study.name):
                result = _run(study, read, again, as_json, talk, alone)
            notifier.tell(result.study, result.text)
            results.append(result)
            if result.status == INTERRUPTED:
                break
    if as_json:
        print_json(results[0].plain if alone else [result.plain for result in results])
    elif not alone:
        _print_summary(results)
    if results[-1].status == INTERRUPTED:
        again = _for_shell(studies, overrides)
        click.echo(f"moe-search: interrupted; go on with: moe-search run {again}", err=True)
    ctx.exit(max((result.status for result in results), default=0))


def _run(
    study: "Study", read: "Reader", again: str, as_json: bool, talk: Talk, alone: bool
) -> _Result:
    """Run one study and print what came of it.

    Raises:
        Exception: it failed, and there is no other one to go on with.
    """
    try:
        with talk.progress("starting") as listener:
            from moe_search.report.publish import run_and_publish

            outcome = run_and_publish(study, listener, read)
            compared = _compared(study)
    except Exception as error:
        if alone:
            raise
        if isinstance(error, UserError):
            print_mistake(error, f"{study.name}: ")
            return _Result(study.name, str(error), 2)
        click.echo(without_credentials(traceback.format_exc()), err=True, nl=False)
        return _Result(study.name, f"{type(error).__name__}: {error}", 1)
    if not as_json:
        _print_outcome(outcome, compared, again)
    status = INTERRUPTED if outcome.interrupted else 0
    return _Result(study.name, _in_one_line(outcome), status, outcome)


def _in_one_line(outcome: "Outcome") -> str:
    """Why a run ended, how far the study is, and its champion."""
    from moe_search.report.text.search import spread
    from moe_search.report.text.status import counts_text
    from moe_search.words import duration

    parts = [f"{outcome.reason}; {counts_text(outcome.summary)} in {duration(outcome.seconds)}"]
    for finalist in outcome.finalists:
        if finalist.champion:
            error = spread(finalist.test["error"])
            parts.append(f"champion: trial {finalist.trial}, test error {error}")
    return "; ".join(parts)


def _print_summary(results: Sequence[_Result]) -> None:
    from moe_search.report.text.table import Table, show

    rows = tuple((result.study, without_credentials(result.text)) for result in results)
    show(Table("Studies", ("study", "result"), rows, frozenset({"study", "result"})))


def _compared(study: "Study") -> "list[Table]":
    """The tables of a comparison; none of a search."""
    from moe_search.report.results.rows import compare
    from moe_search.report.text.rows import comparison_tables
    from moe_search.search.study_store import find_study

    return comparison_tables(compare(study, find_study(study)))


def _print_outcome(outcome: "Outcome", compared: "list[Table]", study: str) -> None:
    """The results, and what to do next; ``study`` is its path with overrides, for a shell."""
    from moe_search.report.text.search import race_text, study_tables
    from moe_search.report.text.status import counts_text
    from moe_search.report.text.table import show
    from moe_search.words import duration

    for table in compared or study_tables(outcome.summary, None):
        show(table)
    counts, time = counts_text(outcome.summary), duration(outcome.seconds)
    click.echo(f"{outcome.study}: {outcome.reason}; {counts}, this run took {time}")
    if outcome.champion and (told := race_text(outcome.summary)):
        click.echo(told)
    click.echo(f"Look at every trial:  moe-search dashboard {study}")
    if outcome.champion:
        click.echo(f"Take the champion:    moe-search pull {study} --to champion")
    elif outcome.best:
        trial = outcome.best[0].trial
        click.echo(f"Take the best model:  moe-search pull {study} --trial {trial} --to best")


def _for_shell(studies: Sequence[Path], overrides: tuple[str, ...]) -> str:
    settings = [part for assignment in overrides for part in ("--set", assignment)]
    return shlex.join([*map(str, studies), *map(without_credentials, settings)])
