"""Commands on data sets."""

import click


@click.group()
def data() -> None:
    """Get data sets ready."""


@data.command()
@click.argument("name")
def prepare(name: str) -> None:
    """Find or download the data set NAME and check all of it."""
    from moe_search.data import prepare as prepare_data

    prepared = prepare_data(name)
    where = prepared.folder or "comes with scikit-learn"
    shape = " x ".join(map(str, prepared.shape))
    click.echo(
        f"{name}: {prepared.training} training and {prepared.test} test samples of {shape}, "
        f"{len(prepared.classes)} classes; {where}"
    )
