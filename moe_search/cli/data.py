"""Commands on data sets."""

import shlex
from pathlib import Path

import click

from moe_search.cli.files import check_folder, writing
from moe_search.cli.group import json_option, print_json
from moe_search.cli.talk import Talk, talks
from moe_search.errors import UserError


@click.command()
@click.option(
    "--data",
    "source",
    metavar="PATH|NAME",
    required=True,
    help="A folder of images, an .npz file, or a known data set such as digits.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("study.yaml"),
    show_default=True,
    help="The study to write; it must be new.",
)
@json_option
@talks
def init(source: str, out: Path, as_json: bool, talk: Talk) -> None:
    """Look at a data set and write a first study of it."""
    with writing("--out", out):  # a name may be too long
        if out.exists():
            raise UserError(f"--out {out}: is there already; name a new file")
    check_folder("--out", out)
    with talk.progress("looking at the data") as progress:
        from moe_search.data.first_study import describe, plain_survey, starting_study
        from moe_search.data.survey import survey

        seen = survey(source, progress)
    with writing("--out", out), out.open("x", encoding="utf-8") as file:
        file.write(starting_study(seen, out.parent))
    if as_json:
        print_json({"file": str(out)} | plain_survey(seen))
        return
    click.echo(f"{out}: {describe(seen)}")
    for note in seen.notes:
        click.echo(note)
    click.echo(f"Check it:  moe-search validate {shlex.quote(str(out))}")
    click.echo(f"Run it:    moe-search run {shlex.quote(str(out))}")


@click.group()
def data() -> None:
    """Get data sets ready."""


@data.command()
@click.argument("name")
@json_option
@talks
def prepare(name: str, as_json: bool, talk: Talk) -> None:
    """Find or download the data set NAME and check all of it."""
    with talk.progress(f"looking for {name}") as progress:
        from moe_search.data import prepare as prepare_data

        prepared = prepare_data(name, progress=progress)
    if as_json:
        folder = None if prepared.folder is None else str(prepared.folder)
        print_json(vars(prepared) | {"folder": folder})
        return
    where = prepared.folder or "comes with scikit-learn"
    shape = " x ".join(map(str, prepared.shape))
    click.echo(
        f"{name}: {prepared.training} training and {prepared.test} test samples of {shape}, "
        f"{len(prepared.classes)} classes; {where}"
    )
