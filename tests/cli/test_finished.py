"""The commands on a study that has been run: what each says of the same results."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_digits
from support.finished_study import FinishedStudy

import moe_search
from moe_search.cli import main
from moe_search.search.ledger import StudyRecord, TrialRecord


def printed(*arguments: object) -> str:
    """What a command that succeeds writes to stdout."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def champion(finished_study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pulled") / "my champion"
    said = printed("pull", finished_study.file, "--to", folder)
    assert "champion of study finished" in said
    assert f"moe-search predict '{folder}' FILES..." in said
    return folder


def test_pull_as_json_says_the_same(finished_study: FinishedStudy, tmp_path: Path) -> None:
    best, (finalist,) = finished_study.outcome["best"][0], finished_study.outcome["finalists"]
    to = tmp_path / "model"
    arguments = ("pull", finished_study.file, "--json", "--to", to)
    champion = json.loads(printed(*arguments))
    assert champion["uri"] == "models:/finished@champion"
    assert champion["champion"] == finalist
    assert (champion["study"], champion["trial"]) == ("finished", finalist["trial"])
    assert champion["folder"] == str(to)
    assert set(champion["validation"]) == set(best["metrics"])
    shutil.rmtree(to)
    trial = json.loads(printed(*arguments, "--trial", best["trial"]))
    assert (trial["uri"], trial["champion"]) == (best["model"], None)
    kept = optuna.load_study(
        study_name="finished", storage=finished_study.outcome["stores"]["optuna"]
    )
    own = kept.trials[best["trial"]].user_attrs
    assert trial["validation"] == pytest.approx({name: own[name] for name in best["metrics"]})
    assert trial["configuration"]["model"]["experts"] == best["parameters"]["model.experts"]


def test_run_prints_one_json_object_and_progress_in_plain_lines(
    finished_study: FinishedStudy,
) -> None:
    outcome = finished_study.outcome
    assert outcome["reason"] == "all trials are done"
    assert outcome["counts"]["complete"] == outcome["trials"] == 12
    assert outcome["champion"] == "models:/finished@champion"
    assert outcome["seconds"] > 0
    assert not outcome["interrupted"]
    lines = finished_study.stderr.splitlines()
    assert sum(line.startswith("[") for line in lines) == 12
    assert any(line.startswith("[12/12] trial ") for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_run_reports_what_the_stores_hold(finished_study: FinishedStudy) -> None:
    outcome = finished_study.outcome
    store = outcome["stores"]["optuna"]
    assert store == f"sqlite:///{finished_study.file.parent / 'optuna.db'}"
    kept = optuna.load_study(study_name="finished", storage=store)
    best = outcome["best"][0]
    first = kept.trials[best["trial"]]
    configuration = TrialRecord.of(first).configuration
    of_it = [t for t in kept.trials if TrialRecord.of(t).configuration == configuration]
    assert len(of_it) == best["trials"]
    assert first.value == max(trial.value or 0.0 for trial in of_it)
    mean = np.mean([trial.value for trial in of_it])
    assert best["values"] == {"objective": pytest.approx(mean)}
    assert best["parameters"] == first.params
    accuracies = [trial.user_attrs["accuracy"] for trial in of_it]
    assert best["metrics"]["accuracy"] == pytest.approx(np.mean(accuracies))
    (finalist,) = outcome["finalists"]
    assert finalist["champion"]
    assert finalist["seeds"] == 2
    errors = [record.test["error"] for record in StudyRecord.of(kept).finalists]
    assert finalist["test"]["error"]["mean"] == pytest.approx(np.mean(errors))
    assert finalist["test"]["error"]["deviation"] == pytest.approx(np.std(errors, ddof=1))


def test_run_again_trains_nothing_and_prints_the_tables(finished_study: FinishedStudy) -> None:
    result = CliRunner().invoke(main, ["run", str(finished_study.file)])
    assert result.exit_code == 0, result.output
    best, finalist = finished_study.outcome["best"][0], finished_study.outcome["finalists"][0]
    assert f"{best['metrics']['accuracy']:.4f}" in result.stdout
    assert f"{best['metrics']['sample_entropy']:.3f}" in result.stdout
    error = finalist["test"]["error"]
    assert f"{error['mean']:.4f} ± {error['deviation']:.4f}" in result.stdout
    assert f"moe-search dashboard {finished_study.file}\n" in result.stdout
    assert f"moe-search pull {finished_study.file} --to champion\n" in result.stdout
    assert "12 of 12 trials (12 complete)" in result.stdout
    assert not [line for line in result.stderr.splitlines() if line.startswith("[")]


def test_status(finished_study: FinishedStudy) -> None:
    said = printed("status", finished_study.file)
    assert "12 of 12 trials (12 complete)" in said
    assert f"best           trial {finished_study.outcome['best'][0]['trial']}, objective " in said
    assert "champion       models:/finished@champion" in said
    assert "last activity  20" in said
    as_json = json.loads(printed("status", finished_study.file, "--json"))
    assert as_json["counts"] == finished_study.outcome["counts"]
    assert as_json["best"] == finished_study.outcome["best"][:1]
    assert as_json["active"] == finished_study.outcome["active"]


def test_report(finished_study: FinishedStudy, tmp_path: Path) -> None:
    page, web = tmp_path / "report.md", tmp_path / "report.html"
    said = printed("report", finished_study.file, "--markdown", page, "--html", web)
    as_json = json.loads(printed("report", finished_study.file, "--json"))
    shares = as_json["importances"]["objective"]
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {"model.experts", "regularizer.kind", "regularizer.weight"}
    assert len(as_json["best"]) == 9  # and a replicate
    assert as_json["best"][:5] == finished_study.outcome["best"]
    text, code = page.read_text(), web.read_text()
    for best in as_json["best"]:
        value = f"{best['values']['objective']:.4f}"
        believed, doubt = best["believed"]
        row = f"| {best['trial']} | {best['trials']} | {believed:.4f} ± {doubt:.4f} | {value} |"
        assert row in text
        assert f"{best['values']['objective']:.4f}</td>" in code
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Study finished",
        "## What was asked",
        "## What was found",
        "## Every trial",
        "## History and front",
        "## Learning curves",
        "## What mattered",
        "## Decomposition atlas",
        "## Class by class",
        "## Reproduce and use",
    ]
    titles = [line.strip("*") for line in text.splitlines() if line.startswith("**")]
    assert [title in said for title in titles] == [False, True, True, True, False]
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    assert len(pictures) == len(set(pictures)) == 10
    assert all((tmp_path / name).stat().st_size < 100_000 for name in pictures)
    assert code.count("<img alt=") + code.count('role="img"') == 10


def test_pull_where_mlflow_may_run_nothing_of_a_model(
    finished_study: FinishedStudy, champion: Path, tmp_path: Path
) -> None:
    forbidden = ("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "MLFLOW_ALLOW_MODEL_CODE_EXECUTION")
    arguments = ["pull", str(finished_study.file), "--to", str(tmp_path / "model")]
    result = CliRunner().invoke(main, arguments, env=dict.fromkeys(forbidden, "false"))
    assert result.exit_code == 0, result.output
    for file in champion.iterdir():
        assert (tmp_path / "model" / file.name).read_bytes() == file.read_bytes()


def test_pull_needs_a_new_folder(finished_study: FinishedStudy, champion: Path) -> None:
    before = sorted(champion.iterdir())
    result = CliRunner().invoke(main, ["pull", str(finished_study.file), "--to", str(champion)])
    assert result.exit_code == 2
    assert "new or empty" in result.stderr
    assert sorted(champion.iterdir()) == before


def test_pull_a_trial_or_a_uri(finished_study: FinishedStudy, tmp_path: Path) -> None:
    best = finished_study.outcome["best"][0]
    printed("pull", finished_study.file, "--trial", best["trial"], "--to", tmp_path / "trial")
    store = finished_study.outcome["stores"]["mlflow"]
    printed("pull", best["model"], "--store", store, "--to", tmp_path / "uri")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("trial", "uri")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    "arguments",
    [["--trial", "99"], ["--set", "name=other"], ["--trial", "1", "--set", "name=other"]],
    ids=" ".join,
)
def test_pull_what_is_not_there(
    finished_study: FinishedStudy, tmp_path: Path, arguments: list[str]
) -> None:
    to = tmp_path / "model"
    result = CliRunner().invoke(
        main, ["pull", str(finished_study.file), "--to", str(to), *arguments]
    )
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert not to.exists()


def test_predict_says_what_the_model_says(champion: Path, tmp_path: Path) -> None:
    x_NHW = (load_digits().images[:20] / 16).astype(np.float32)
    np.save(tmp_path / "digits.npy", x_NHW)
    Image.fromarray((x_NHW[0] * 255).astype(np.uint8)).save(tmp_path / "first.png")
    model = moe_search.load_model(champion)
    p = model(torch.from_numpy(x_NHW[:, None]))
    experts = model.gate(torch.from_numpy(x_NHW[:, None])).argmax(1)
    lines = printed("predict", champion, tmp_path / "digits.npy", tmp_path / "first.png")
    header, *rows = [line.split("\t") for line in lines.splitlines()]
    assert header == ["file", "class", "probability", "expert"]
    assert [row[0] for row in rows[:20]] == [f"{tmp_path}/digits.npy[{n}]" for n in range(20)]
    assert [row[1] for row in rows[:20]] == [model.labels[n] for n in p.argmax(1)]
    assert [float(row[2]) for row in rows[:20]] == pytest.approx(p.max(1).values.tolist(), abs=1e-4)
    assert [int(row[3]) for row in rows[:20]] == experts.tolist()
    assert rows[20][0] == f"{tmp_path}/first.png"
    assert rows[20][1] == rows[0][1]
    assert float(rows[20][2]) == pytest.approx(float(rows[0][2]), abs=0.02)  # 8 bits a pixel


def test_predict_takes_a_folder_and_says_what_is_no_image(champion: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        Image.new("L", (8, 8), 100 * number).save(folder / f"{number}.png")
    lines = printed("predict", champion, folder).splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == [f"{folder}/{n}.png" for n in range(2)]
    (folder / "2.png").write_text("hello")
    result = CliRunner().invoke(main, ["predict", str(champion), str(folder)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2.png: not a readable image (no image; expected AVIF" in result.stderr
    assert "cannot identify" not in result.stderr


def test_predict_with_one_expert(champion: Path, tmp_path: Path) -> None:
    x_NHW = (load_digits().images[:5] / 16).astype(np.float32)
    np.savez(tmp_path / "digits.npz", x_NHW)
    found = json.loads(printed("predict", champion, tmp_path / "digits.npz", "--top1", "--json"))
    model = moe_search.load_model(champion)
    x = torch.from_numpy(x_NHW[:, None])
    expected = model.experts(x)[torch.arange(5), model.gate(x).argmax(1)]
    assert [one["probability"] for one in found] == pytest.approx(expected.max(1).values.tolist())
    assert [one["sample"] for one in found] == list(range(5))


def test_from_python(finished_study: FinishedStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping means what its YAML does, beside the current folder; nothing is printed."""
    import yaml

    monkeypatch.chdir(finished_study.file.parent)
    outcome = moe_search.run(yaml.safe_load(finished_study.file.read_text()))
    assert outcome.champion == "models:/finished@champion"
    assert outcome.best[0].trial == finished_study.outcome["best"][0]["trial"]
    assert outcome.counts["complete"] == 12
    trials = outcome.trials_dataframe()
    assert list(trials.index) == list(range(12))
    assert set(trials["state"]) == {"complete"}
    best = outcome.best[0]
    same = trials[trials[list(best.parameters)].eq(best.parameters).all(axis=1)]
    assert same["value"].mean() == pytest.approx(best.values["objective"])
    assert same["value"].idxmax() == best.trial
    assert same["sample_entropy"].mean() == pytest.approx(best.metrics["sample_entropy"])
    assert trials.loc[best.trial, "model.experts"] == best.parameters["model.experts"]
    assert trials.loc[best.trial, "model"] == best.model
    shown = outcome._repr_html_()
    assert shown.startswith("<p><b>finished</b>: all trials are done; 12 of 12 trials")
    assert shown.count("<table>") == 2
    model = moe_search.load_model(outcome.champion, store=outcome.stores.mlflow)
    x = torch.rand(2, 1, 8, 8)
    assert model(x).shape == (2, 10)
    assert torch.equal(model(x[:, 0]), model(x))
    assert not any(p.requires_grad for p in (model(x), model.gate(x), model.experts(x)))
    model(x).numpy()


def test_from_python_a_mistake_names_the_key() -> None:
    from moe_search.errors import UserError

    with pytest.raises(UserError, match=r"^training\.epochs: must be at least 1; got 0$"):
        moe_search.run({"name": "x", "data": "digits", "training": {"epochs": 0}})


def test_explain_says_what_predict_says_and_draws_it(champion: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", (load_digits().images[:3] / 16).astype(np.float32))
    drawn = tmp_path / "x.png"
    arguments = (champion, tmp_path / "x.npy", "--json")
    explained = json.loads(printed("explain", *arguments, "--picture", drawn))
    predicted = json.loads(printed("predict", *arguments))
    assert [one["label"] for one in explained] == [one["label"] for one in predicted]
    assert [one["experts"][0]["expert"] for one in explained] == [p["expert"] for p in predicted]
    assert Image.open(drawn).size[1] == 3 * 480
    text = printed("explain", *arguments[:2])
    assert f"x.npy[2]: {predicted[2]['label']} ({predicted[2]['probability']:.1%})" in text


def test_report_of_two_searches_compares_their_champions(
    finished_study: FinishedStudy, tmp_path: Path
) -> None:
    web = tmp_path / "two.html"
    said = printed("report", finished_study.file, finished_study.file, "--html", web)
    assert said.count("Searches compared (champions on test; difference to “finished”, 95 %)") == 1
    code = web.read_text()
    assert code.index("<h1>Studies compared</h1>") < code.index("<h1>Study finished</h1>")


def test_status_loads_no_more_than_optunas_store_needs(finished_study: FinishedStudy) -> None:
    """What is asked often answers soon: MLflow and scikit-learn each take a second."""
    script = (
        "import sys; from moe_search.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "print('loaded:', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "status", str(finished_study.file)],
        capture_output=True,
        text=True,
        check=True,
    )
    said, _, loaded = done.stdout.rpartition("loaded:")
    assert "models:/finished@champion" in said
    assert not {"torch", "mlflow", "sklearn", "pandas", "scipy.stats"} & set(loaded.split())
