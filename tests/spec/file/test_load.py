"""Files and overrides into studies; every mistake is one line that says where and what instead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moe_search.errors import UserError
from moe_search.spec import METRICS, Model, Study, load_study
from moe_search.spec.kinds.data_sets import DATA_SETS
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.layers import LAYERS
from moe_search.spec.kinds.samplers import SAMPLERS

START = "name: a\ndata: digits\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path that reads study.yaml in messages."""
    monkeypatch.chdir(tmp_path)
    return Path("study.yaml")


def refusal(file: Path, text: str | bytes, *overrides: str) -> str:
    """The message a study is refused with."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        load_study(file, overrides)
    assert [path.name for path in file.parent.iterdir()] == [file.name], "nothing is created"
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    return message


def loaded(file: Path, text: str, *overrides: str) -> Study:
    file.write_text(text)
    return load_study(file, overrides)


WORDS = ", ".join(LAYERS.names(lambda layer: layer.section is None))
NEEDED = {"residual": "residual: [...]", "network": "network, outputs"}
SECTIONS = ", ".join(
    f"{{{NEEDED.get(name, name)}}}" for name in LAYERS.names(lambda layer: bool(layer.section))
)
FRONT = SAMPLERS.names(lambda sampler: sampler.several_objectives)

WRONG_VALUES = {
    "model: {expert: 5}": "model.expert: unknown key; did you mean 'experts'? allowed: "
    f"{', '.join(Model.model_fields)}",
    "modle: {}": "modle: unknown key; did you mean 'model'? allowed: name, description, data, "
    "model, regularizer, training, configurations, objective, search, finalists, storage",
    "model: 5": f"model: expected {{{', '.join(Model.model_fields)}}}; got 5",
    "model: {experts: five}": "model.experts: expected a whole number, a range {low, high} "
    "or choices {choices: [...]}; got 'five'",
    "model: {experts: 2.5}": "model.experts: expected a whole number, a range {low, high} "
    "or choices {choices: [...]}; got 2.5",
    "model: {experts: true}": "model.experts: expected a whole number, a range {low, high} "
    "or choices {choices: [...]}; got true",
    "model: {experts: [2, 3]}": "model.experts: expected a whole number, a range {low, high} "
    "or choices {choices: [...]}; got [2, 3]",
    "model: {experts: 0}": "model.experts: must be at least 1; got 0",
    "model: {experts: {low: 0, high: 3}}": "model.experts.low: must be at least 1; got 0",
    "model: {experts: {low: 9, high: 3}}": "model.experts: empty range: low 9 is above high 3; "
    "swap them",
    "model: {experts: {high: 3}}": "model.experts.low: is missing; expected a whole number",
    "model: {experts: {low: 2, high: 8, step: 2, log: true}}": "model.experts: a log range has no "
    "step; leave out step or log",
    "regularizer: {weight: {low: 0, high: 3, log: true}}": "regularizer.weight: a log range must "
    "start above 0; got low 0.0",
    "model: {temperature: {low: 0, high: 3, log: true}}": "model.temperature.low: must be above "
    "0; got 0",
    "model: {temperature: .inf}": "model.temperature: expected a number, a range {low, high} "
    "or choices {choices: [...]}; got inf",
    "model: {gate: atentive}": "model.gate: 'atentive' is unknown; did you mean 'attentive'? "
    f"allowed: {', '.join(tuple(GATES))}",
    "model: {gate: {choices: []}}": "model.gate.choices: needs 1 or more entries; got []",
    "model: {gate: {choices: [original, original]}}": "model.gate: choices name 'original' twice; "
    "write each once",
    "model: {gate: {choices: [original, atentive]}}": "model.gate.choices[1]: 'atentive' is "
    f"unknown; did you mean 'attentive'? allowed: {', '.join(tuple(GATES))}",
    "model: {backbone: {expert: [rellu], gate: [relu]}}": "model.backbone.expert[0]: 'rellu' is "
    f"unknown; did you mean 'relu'? allowed: {WORDS}",
    "model: {backbone: {expert: [{cnv: 3}], gate: [relu]}}": "model.backbone.expert[0]: expected "
    f"{SECTIONS} or {WORDS}; got {{cnv: 3}}",
    "model: {backbone: {expert: [{residual: [{dropout: 1.0}]}], gate: [relu]}}": "model.backbone"
    ".expert[0].residual[0].dropout: must be below 1; got 1.0",
    "model: {backbone: {expert: [{residual: []}], gate: [relu]}}": "model.backbone.expert[0]"
    ".residual: needs 1 or more entries; got []",
    "model: {output: top_k, top_k: 8, experts: {low: 2, high: 9}}": "model.top_k: top_k may be 8 "
    "where model.experts may be 2; keep top_k at most 2 or experts at least 8",
    "model: {output: {choices: [top_k, mixture]}, experts: 1}": "model.top_k: top_k may be 2 "
    "where model.experts may be 1; keep top_k at most 1 or experts at least 2",
    "objective: {maximize: {acuracy: 1}}": "objective.maximize.acuracy: 'acuracy' is unknown; did "
    f"you mean 'accuracy'? allowed: {', '.join(METRICS)}",
    "objective: {maximize: {accuracy: 1}, pareto: [accuracy, loss]}": "objective.pareto: give "
    "exactly one of maximize and pareto",
    "objective: {pareto: [accuracy]}": "objective.pareto: needs 2 or more entries; got [accuracy]",
    "objective: {pareto: [loss, loss]}": "objective.pareto: names a metric twice; write each once",
    "objective: {constraints: {loss: {}}}": "objective.constraints.loss: expected at_most or "
    "at_least with a number",
    "objective: {pareto: [accuracy, loss]}\nsearch: {pruner: median}": "search.pruner: median "
    "cannot stop trials of several objectives; leave pruner out, or give objective.maximize "
    "instead of pareto",
    "objective: {pareto: [accuracy, loss]}\nsearch: {sampler: cma-es}": "search.sampler: cma-es "
    f"cannot search several objectives; expected {', '.join(FRONT[:-1])} or {FRONT[-1]}",
    "objective: {pareto: [accuracy, loss]}\nfinalists: {choose: error}": "finalists.choose: error "
    "is not in objective.pareto; expected one of accuracy, loss",
    "search: {sampler: bohb, pruner: median}": "search.pruner: bohb is tpe with hyperband; leave "
    "pruner out, or take another sampler",
    "finalists: {choose: accuracy}": "finalists.choose: accuracy is not in objective.pareto; leave "
    "it out: objective.maximize chooses",
    "search: {executor: ray}": "search.executor: expected local or {ray: {}}; got 'ray'",
    "search: {device: cuda, executor: {ray: {}}}": "search.device: cuda needs GPUs, and "
    "search.executor.ray.gpus_per_worker is 0; give each worker 1, or a share such as 0.5",
    "search: {device: cpu, executor: {ray: {gpus_per_worker: 0.5}}}": "search.device: cpu needs no "
    "GPUs, and search.executor.ray.gpus_per_worker is 0.5; leave one of them out",
    "search: {sampler: grid}\ntraining: {lr: {low: 0.1, high: 1}}": "search.sampler: grid needs a "
    "finite space, and training.lr has no step; give it a step or choices, or take another sampler",
    "configurations: {a: {model: {experts: {low: 2, high: 3}}}}": "configurations.a.model.experts: "
    "expected a whole number; got {low: 2, high: 3}",
    "configurations: {a: {training: {lr: '08'}}}": "configurations.a.training.lr: expected a "
    "number; got '08'",
    "configurations: {a: {}}\nmodel: {experts: {low: 2, high: 3}}": "configurations: lists what "
    "is compared, so nothing can be searched; give model.experts a plain value, or leave "
    "configurations out",
    "configurations: {a: {model: {output: top_k, top_k: 8}}}": "configurations.a.model.top_k: "
    "top_k may be 8 where model.experts may be 5; keep top_k at most 5 or experts at least 8",
    "configurations: {a: {reference: {eror: 1}}}": "configurations.a.reference.eror: 'eror' is "
    f"unknown; did you mean 'error'? allowed: training_error, {', '.join(METRICS)}",
    "configurations: {a: {reference: {error: [1, 2, 3]}}}": "configurations.a.reference.error: "
    "expected [mean, SD] or the number of one run; got [1, 2, 3]",
    "finalists: {retrain: all, top: 0}": "finalists.retrain: needs a champion; give top: 1 or more",
    "search: {target: {acuracy: 1}}": "search.target.acuracy: 'acuracy' is unknown; did you mean "
    f"'accuracy'? allowed: {', '.join(METRICS)}",
    "search: {target: {accuracy: 0.9}}\nconfigurations: {a: {}}": "search.target: ends a search, "
    "and a comparison trains all that it lists; leave it out",
    "search: {collapse: maybe}": "search.collapse: expected on, off or {usage_entropy, patience}; "
    "got 'maybe'",
    "search: {timeout: soon}": "search.timeout: expected seconds above 0 or text like 90m or 8h; "
    "got 'soon'",
    "search: {workers: 0}": "search.workers: expected auto or a whole number from 1 to 4096; got 0",
    "search: {points: [{model.expert: 3}]}\nmodel: {experts: {low: 2, high: 4}}": "search"
    ".points[0].model.expert: is not searched; did you mean 'model.experts'? searched are: "
    "model.experts",
    "search: {points: [{model.experts: 5}]}\nmodel: {experts: {low: 2, high: 4}}": "search"
    ".points[0].model.experts: 5 is outside 2..4",
    "storage: {mlflow: ftp://x}": "storage.mlflow: is not a store's URL; expected "
    "sqlite:///FILE, postgresql://HOST/NAME, mysql://HOST/NAME or http://HOST:PORT",
    "name: b": "name: is written twice",
    "description: 7": "description: expected text; put 7 in quotes",
}


@pytest.mark.parametrize(("line", "words"), WRONG_VALUES.items(), ids=WRONG_VALUES)
def test_a_wrong_value_is_told_in_plain_words(file: Path, line: str, words: str) -> None:
    place = 4 if line.startswith("objective: {pareto: [accuracy, loss]}\n") else 3
    assert refusal(file, START + line) == f"study.yaml:{place}: {words}"


WRONG_DATA = {
    "data: mnst": f"data: 'mnst' is unknown; did you mean 'mnist'? allowed: {', '.join(DATA_SETS)}",
    "data: {name: arrays}": "data.path: is missing; arrays needs an .npz file",
    "data: {name: mnist, path: x}": "data.path: only arrays, huggingface, image_folder and "
    "table have a path; the folder of mnist is data.root",
    "data: {name: mnist, validation: 1.5}": "data.validation: expected auto, a count of samples "
    "or a fraction between 0 and 1; got 1.5",
    "data: {name: mnist, validation: 0}": "data.validation: 0 leaves a search nothing to choose "
    "by; expected a count of samples from 1 or a fraction between 0 and 1, or configurations to "
    "compare",
    "data: {name: mnist, features: 3}": "data.features: expected a list, text or {network}; got 3",
    "data: {name: mnist, features: [red]}": "data.features: has no meaning for mnist, only for "
    "huggingface, table",
    "data: {name: table, path: x, features: age}": "data.features: a network takes images, and "
    "table has rows; write columns as a list",
    "data: {name: mnist, features: ../x}": "data.features: expected a list, text or "
    "{network}; got '../x'",
    "data: {name: mnist, features: {weights: x}}": "data.features.network: is missing; expected "
    "text",
    "data: {name: mnist, features: resnet18, augment: on}": "data.augment: the network of "
    "data.features sees each image once; leave augment out",
    "data: {name: gtsrb, features: resnet18, image_size: 64}": "data.image_size: has no meaning "
    "beside a network's features; give data.features: {network: resnet18, image_size: ...}",
    "data: mnist\nnmae: b": "nmae: unknown key; did you mean 'name'? allowed: name, description, "
    "data, model, regularizer, training, configurations, objective, search, finalists, storage "
    "(and 1 more)",
}


@pytest.mark.parametrize(("lines", "words"), WRONG_DATA.items(), ids=WRONG_DATA)
def test_wrong_data_is_told_in_plain_words(file: Path, lines: str, words: str) -> None:
    start, place = ("\n", 3) if "nmae" in lines else ("name: a\n", 2)
    assert refusal(file, start + lines) == f"study.yaml:{place}: {words}"


MALFORMED = {
    "empty": ("", "study.yaml:1: expected keys such as name and data; the file is empty"),
    "list": ("[a]", "study.yaml:1: expected keys such as name and data; got [a]"),
    "bracket": (START + "model: [", "study.yaml:3: not valid YAML: "),
    "tab": ("name: a\n\tdata: b", "study.yaml:2: not valid YAML: found character"),
    "two documents": (START + "---\nname: b", "study.yaml:3: not valid YAML: expected a single"),
    "object": (
        START + "model: !!python/object/apply:os.system [x]",
        "study.yaml:3: model: tag !!python/object/apply:os.system is not allowed; write plain",
    ),
    "own tag": (START + "model: !x {}", "study.yaml:3: model: tag !x is not allowed"),
    "control character": ("name: a\nx: \x00", "study.yaml:2: not valid YAML: character #x0000"),
    "encoding": (b"name: a\n\xff: 1", "study.yaml:2: is not UTF-8 text"),
    "deep": ("[" * 100_000, "study.yaml:1: study: is too large"),
    "wide": (f"[{'x,' * 20_000}]", "study.yaml:1: study: is too large"),
    "loop": ("a: &a [*a]", "study.yaml:1: study: is too large"),
    "billion laughs": (
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)),
        "study.yaml:1: study: is too large",
    ),
    "10 MB": (b"#" * 10_000_000, "study.yaml: has 10000000 bytes; a study has at most 1000000"),
}


@pytest.mark.parametrize(("text", "start"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_are_refused(file: Path, text: str | bytes, start: str) -> None:
    assert refusal(file, text).startswith(start)


def test_the_first_of_several_mistakes_is_told(file: Path) -> None:
    text = START + "training:\n  lr: x\n  epohcs: 3\nmodel:\n  experts: y\n"
    message = refusal(file, text)
    assert message.startswith("study.yaml:4: training.lr: expected a number")
    assert message.endswith("got 'x' (and 2 more)")


def test_a_password_is_not_repeated(file: Path) -> None:
    assert "secret" not in refusal(file, START + "storage: {optuna: 'pg://u:secret@h/x'}")


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in {
        "missing.yaml": "no such file",
        ".": "is a folder",
        "pipe": "is not a regular file",
        "x" * 300: "cannot be read: File name too long",
    }.items():
        with pytest.raises(UserError, match=words):
            load_study(tmp_path / name)


def test_numbers_and_words_read_as_in_yaml_1_2(file: Path) -> None:
    study = loaded(
        file,
        START + "training: {lr: 1e-3, epochs: 010}\nsearch: {collapse: off, pruner: none}\n"
        "description: no\n",
    )
    configuration = study.configuration({})
    assert (configuration.training.lr, configuration.training.epochs) == (0.001, 10)
    assert study.search.collapse is None
    assert study.pruner == "none"
    assert study.description == "no"


def test_aliases_in_reason_are_read(file: Path) -> None:
    text = START + "model: {temperature: &t {low: 1, high: 2}}\nregularizer: {weight: *t}\n"
    weight = loaded(file, text).space()["regularizer.weight"]
    assert (weight["low"], weight["high"]) == (1.0, 2.0)


def test_overrides_replace_what_the_file_says(file: Path) -> None:
    study = loaded(
        file,
        START + "training: {epochs: 5, lr: 0.5}\n",
        "training.epochs=7",
        "data.validation=0.5",
        "model.experts={low: 2, high: 3}",
        "training.epochs=8",
        "search.collapse=off",
    )
    training = study.configuration({"model.experts": 2}).training
    assert (training.epochs, training.lr) == (8, 0.5)
    assert (study.data.name, study.data.validation) == ("digits", 0.5)
    assert [parameter.path for parameter in study.parameters] == ["model.experts"]
    assert study.search.collapse is None


@pytest.mark.parametrize(
    ("override", "start"),
    [
        ("training.epochs=five", "--set training.epochs: expected a whole number, a range"),
        ("training.epocs=5", "--set training.epocs: unknown key; did you mean 'epochs'? allowed"),
        ("model={experts: 0}", "--set model.experts: must be at least 1; got 0"),
        ("training.epochs=[", "--set training.epochs: not valid YAML: "),
        ("model=!!python/name:x 3", "--set model: tag !!python/name:x is not allowed"),
        ("training.epochs", "--set training.epochs: expected KEY=VALUE, such as training.epochs=3"),
        ("training..epochs=1", "--set training..epochs=1: expected KEY=VALUE"),
    ],
)
def test_errors_in_overrides_speak_of_them(file: Path, override: str, start: str) -> None:
    assert refusal(file, START, override).startswith(start)


def test_the_study_knows_its_folder(file: Path, tmp_path: Path) -> None:
    study = loaded(file, START)
    assert study.folder == tmp_path
    assert study.optuna_url == f"sqlite:///{tmp_path}/optuna.db"


def test_nothing_heavy_is_imported() -> None:
    heavy = ("torch", "numpy", "optuna", "mlflow", "matplotlib")
    code = f"import sys, moe_search.spec; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
