"""Commands on trained models."""

import dataclasses
from pathlib import Path

import click

from moe_search.cli.files import check_folder, writing
from moe_search.cli.group import json_option, overrides_option, print_facts, print_json
from moe_search.cli.talk import Talk, talks
from moe_search.progress import Working, counted

store_option = click.option(
    "--store",
    metavar="URL",
    envvar="MLFLOW_TRACKING_URI",
    help="MLflow's store, for a MODEL_URI; by default $MLFLOW_TRACKING_URI.",
)


@click.command()
@click.argument("source", metavar="STUDY.yaml|MODEL_URI")
@overrides_option
@click.option(
    "--to",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to make; it must be new or empty.",
)
@click.option("--trial", type=click.IntRange(0), help="This trial's model, not the champion.")
@store_option
@json_option
@talks
def pull(
    source: str,
    overrides: tuple[str, ...],
    to: Path,
    trial: int | None,
    store: str | None,
    as_json: bool,
    talk: Talk,
) -> None:
    """Bring a model here: the study's champion, or the one under a URI such as models:/NAME/1."""
    with talk.progress("looking for the model") as progress:
        from moe_search.models.pull import describe, find, plain_model, pull_model

        model = find(source, overrides, trial, store)
        progress(Working("fetching the model"))
        folder = pull_model(model, to)
    if as_json:
        print_json(plain_model(model, folder))
    else:
        print_facts(describe(model, folder))


@click.command()
@click.argument("model", metavar="MODEL_URI")
@click.option("--epochs", type=click.IntRange(1), help="By default as many as it was trained for.")
@store_option
@json_option
@talks
def distill(model: str, epochs: int | None, store: str | None, as_json: bool, talk: Talk) -> None:
    """Teach a model's attentive gate to an original one, which needs one expert per sample.

    The new model gets a run of its own beside the first one's. Prints its URI and what both
    models do on the test set.
    """
    with talk.progress("fetching the model") as progress:
        from moe_search.models.distil import distil
        from moe_search.spec.kinds.metrics import headline

        distilled = distil(model, store, epochs, progress)
    if as_json:
        print_json(dataclasses.asdict(distilled))
        return
    print_facts(
        [
            ("model", distilled.uri),
            ("from", distilled.teacher),
            ("test, from", headline(distilled.before)),
            ("test, model", headline(distilled.after)),
        ]
    )


@click.command()
@click.argument("model")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top1", is_flag=True, help="Evaluate only each sample's most probable expert.")
@json_option
@talks
def predict(model: str, files: tuple[Path, ...], top1: bool, as_json: bool, talk: Talk) -> None:
    """Classify images, or the samples of arrays and tables, with a pulled model.

    MODEL is a pulled folder, or a URI where $MLFLOW_TRACKING_URI is set. Of a folder among FILES
    all images are meant. Prints columns with a tab between them: file, class, probability, expert.
    """
    with talk.progress("loading the model") as progress:
        from moe_search import load_model
        from moe_search.models.predict import files_in
        from moe_search.models.predict import predict as predictions

        meant = files_in(files, progress)
        classifier = load_model(model)
        read = counted(meant, "reading files", progress)
        answers = [
            answer for file in read for answer in predictions(classifier, file, top1, progress)
        ]
    if as_json:
        print_json([dataclasses.asdict(answer) for answer in answers])
        return
    click.echo("file\tclass\tprobability\texpert")
    for answer in answers:
        name = answer.file if answer.sample is None else f"{answer.file}[{answer.sample}]"
        click.echo(f"{name}\t{answer.label}\t{answer.probability:.4f}\t{answer.expert}")


@click.command()
@click.argument("model")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Also draw the samples with what each expert says of them, as PNG.",
)
@talks
def explain(
    model: str, files: tuple[Path, ...], as_json: bool, picture: Path | None, talk: Talk
) -> None:
    """Say which expert answers, how sure the gate is, and what each expert says.

    MODEL and FILES are as for predict.
    """
    check_folder("--picture", picture)
    with talk.progress("loading the model") as progress:
        from moe_search import load_model
        from moe_search.models import explain as explaining
        from moe_search.models.predict import files_in
        from moe_search.report.text.table import show

        meant = files_in(files, progress)
        classifier = load_model(model)
        read = counted(meant, "reading files", progress)
        samples = [
            sample for file in read for sample in explaining.explain(classifier, file, progress)
        ]
        if picture is not None:
            progress(Working("drawing the picture"))
            drawn = explaining.picture(samples, classifier.labels)
            with writing("--picture", picture):
                picture.write_bytes(drawn)
    if as_json:
        print_json([explaining.plain_explanation(sample) for sample in samples])
        return
    for sample in samples:
        show(explaining.opinions_table(sample))
