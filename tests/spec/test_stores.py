"""Which URLs and paths a study may name, and that no credentials of them are told."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from moe_search.cli import main
from moe_search.credentials import without_credentials
from moe_search.errors import UserError
from moe_search.spec import Study, json_schema, load_study
from moe_search.spec.kinds.stores import STORES, store_kind
from moe_search.stores.kinds import store_at
from moe_search.stores.kinds.base import Store

RIGHT = [
    "sqlite:///trials.db",
    "sqlite:////a folder/me@home/trials.db",
    "sqlite:///~/trials.db",
    "postgresql://host/name",
    "postgresql:///name",
    "postgresql+psycopg2://ada:p%40ss:word%2F@db.example.org:5432/name?sslmode=require",
    "postgresql://ada@[::1]:5432/name?connect_timeout=10&application_name=moe",
    "mysql+pymysql://ada:secret@host/name?charset=utf8mb4",
]
SERVERS = ["http://localhost:5000", "https://mlflow.example.org/team/"]
WRONG = {
    "another database": "oracle://host/name",
    "a store of Optuna's own": "redis://host/0",
    "a file of another kind": "journal.log",
    "no file": "sqlite:///",
    "memory": "sqlite:///:memory:",
    "a file named by its options": "sqlite:///a.db?uri=true&vfs=x",
    "another user's file": "sqlite:///~root/a.db",
    "a byte that ends a name": "sqlite:///a\0.db",
    "a driver, which is a module": "postgresql+os://host/name",
    "a driver that cannot wait": "postgresql+asyncpg://host/name",
    "a plugin, which is a module": "postgresql://host/name?plugin=x",
    "a file of settings": "mysql://host/name?read_default_file=/etc/secrets",
    "a file of passwords": "postgresql://host/name?passfile=/etc/secrets",
    "statements": "mysql://host/name?init_command=DROP",
    "a password among the options": "postgresql://host/name?password=hunter2",
    "a password with a bare @": "postgresql://ada:hunter2@x@host/name",
    "a password with a bare /": "postgresql://ada:hunter2/@host/name",
    "a port that is none": "postgresql://ada:hunter2@host:port/name",
    "two lines": "postgresql://host/name\nx",
    "a variable": "${STORE}",
}


def refusal(section: str, **given: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Study.model_validate({"name": "a", "data": "digits", section: given})
    return str(caught.value.errors(include_input=False)[0]["msg"])


@pytest.mark.parametrize("url", RIGHT)
@pytest.mark.parametrize("store", ["optuna", "mlflow"])
def test_either_store_may_lie_in_a_database(store: str, url: str) -> None:
    given = {"name": "a", "data": "digits", "storage": {store: url}}
    study = Study.model_validate(given)
    assert getattr(study.storage, store) == url
    resolved = getattr(study, f"{store}_url")
    assert make_url(resolved).get_backend_name() in ("sqlite", "postgresql", "mysql")
    Draft202012Validator(json_schema()).validate(given)


def test_both_stores_may_not_lie_in_the_same_database() -> None:
    url = "postgresql://ada:hunter2@host/name"
    message = refusal("storage", optuna=url, mlflow=url)
    assert message == "is Optuna's database, too; name another, such as NAME-mlflow"


@pytest.mark.parametrize("url", SERVERS)
def test_mlflow_may_be_a_server(url: str) -> None:
    given = {"name": "a", "data": "digits", "storage": {"mlflow": url}}
    assert Study.model_validate(given).mlflow_url == url
    Draft202012Validator(json_schema()).validate(given)
    assert "is not a store's URL" in refusal("storage", optuna=url)


@pytest.mark.parametrize("store", ["optuna", "mlflow"])
@pytest.mark.parametrize("url", WRONG.values(), ids=WRONG)
def test_nothing_else_is_a_store(store: str, url: str) -> None:
    message = refusal("storage", **{store: url})
    assert "is not a store's URL; expected sqlite:///FILE, postgresql://HOST/NAME" in message
    assert "hunter2" not in message
    given = {"name": "a", "data": "digits", "storage": {store: url}}
    assert not Draft202012Validator(json_schema()).is_valid(given)


def test_a_servers_credentials_have_another_place() -> None:
    message = refusal("storage", mlflow="http://ada:hunter2@host:5000")
    assert message.endswith("to MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("section", "key", "others"),
    [
        ("data", "root", {"name": "mnist"}),
        ("data", "path", {"name": "arrays"}),
        ("storage", "artifacts", {}),
    ],
)
@pytest.mark.parametrize("path", ["~root/x", "./~root/x", "a\0b", "a\nb"])
def test_a_path_names_no_other_users_folder(
    section: str, key: str, others: dict[str, Any], path: str
) -> None:
    assert "is not a path; only ~/ stands for" in refusal(section, **others, **{key: path})


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "/a", "a.b", "a\0", "a\n", "-a", "", "A"])
def test_a_studys_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a name; expected up to 64 of a-z"):
        Study.model_validate({"name": name, "data": "digits"})


def test_variables_are_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setenv("HOME", "/home/ada")
    file = tmp_path / "study.yaml"
    file.write_text(
        "name: a\ndescription: $SECRET %(SECRET)s {SECRET} !ENV ${SECRET}\n"
        "data: {name: arrays, path: '${SECRET}/x.npz', root: ~/data}\n"
        "storage: {optuna: 'sqlite:///$SECRET.db', artifacts: $SECRET}\n"
    )
    study = load_study(file)
    assert study.data_path == tmp_path / "${SECRET}/x.npz"
    assert study.data_root == Path("/home/ada/data")
    assert study.optuna_url == f"sqlite:///{tmp_path}/$SECRET.db"
    assert study.artifacts_folder == tmp_path / "$SECRET"
    assert "hunter2" not in study.model_dump_json()


def test_a_folder_that_no_url_can_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "what?" / "study.yaml"
    file.parent.mkdir()
    file.write_text("name: a\ndata: digits\n")
    result = CliRunner().invoke(main, ["run", str(file)])
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "what?/optuna.db: no store can lie below a folder with a ? in its name; " in line
    assert sorted(tmp_path.rglob("*")) == [file.parent, file]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///a.db", "sqlite"),
        ("postgresql+psycopg://host/name", "postgresql"),
        ("mysql://host/name", "mysql"),
        ("https://host", "http"),
    ],
)
def test_the_beginning_of_a_url_says_of_which_kind_a_store_is(url: str, name: str) -> None:
    assert store_kind(url) is STORES[name]
    assert store_at(url).url == url


def test_every_kind_of_store_has_a_class() -> None:
    for kind in STORES.values():
        assert issubclass(kind.load(), Store)
    with pytest.raises(ValueError, match="is not a store's URL; expected sqlite:///FILE, postgres"):
        store_kind("redis://host/0")


SHELL = {"OPTUNA_STORAGE": "postgresql://host/trials", "MLFLOW_TRACKING_URI": "http://host:5000"}


@pytest.fixture
def in_shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for variable, url in SHELL.items():
        monkeypatch.setenv(variable, url)
    return monkeypatch


def test_the_shell_names_the_stores_that_a_study_does_not(
    in_shell: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("name: a\ndata: digits\n")
    study = load_study(file)
    assert (study.optuna_url, study.mlflow_url) == tuple(SHELL.values())
    study = load_study(file, ["storage.mlflow=sqlite:///here.db"])
    assert study.optuna_url == SHELL["OPTUNA_STORAGE"]
    assert study.mlflow_url == f"sqlite:///{tmp_path}/here.db"
    file.write_text("name: a\ndata: digits\nstorage: {optuna: 'sqlite:///here.db'}\n")
    study = load_study(file)
    assert study.optuna_url == f"sqlite:///{tmp_path}/here.db"
    assert study.mlflow_url == SHELL["MLFLOW_TRACKING_URI"]


def test_a_file_that_the_shell_names_starts_from_the_current_folder(
    in_shell: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_shell.setenv("OPTUNA_STORAGE", "sqlite:///trials.db")
    in_shell.chdir(tmp_path)
    file = tmp_path / "studies" / "study.yaml"
    file.parent.mkdir()
    file.write_text("name: a\ndata: digits\n")
    assert load_study(file).optuna_url == f"sqlite:///{tmp_path}/trials.db"


@pytest.mark.parametrize("variable", SHELL)
def test_what_the_shell_names_is_checked_where_it_is_taken(
    in_shell: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    in_shell.setenv(variable, "ftp://ada:hunter2@host/name")
    file = tmp_path / "study.yaml"
    file.write_text("name: a\ndata: digits\n")
    with pytest.raises(UserError) as caught:
        load_study(file)
    assert str(caught.value).startswith(f"{variable}: is not a store's URL; expected sqlite:///")
    assert "hunter2" not in str(caught.value)
    load_study(file, ["storage={optuna: 'sqlite:///a.db', mlflow: 'sqlite:///b.db'}"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sqlite:////home/a:b@c/x.db?y", "sqlite:////home/a:b@c/x.db?y"),
        ("file:///home/a:b@c/x", "file:///home/a:b@c/x"),
        ("http://host:5000/path", "http://host:5000/path"),
        ("models:/digits@champion", "models:/digits@champion"),
        ("postgresql://ada@host/name", "postgresql://***@host/name"),
        ("postgresql://ada:s3c@ret/?@host:1/name", "postgresql://***@host:1/name"),
        ("mysql+pymysql://host/name?password=x&y=z", "mysql+pymysql://host/name?***"),
        ("a: http://b:c@d e: HTTPS://f@g?h", "a: http://***@d e: HTTPS://***@g?***"),
    ],
)
def test_a_url_is_told_without_its_credentials(text: str, told: str) -> None:
    assert without_credentials(text) == told
    assert str(UserError(text)) == told


SECRET = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1).map("é{}é".format)


@given(SECRET, SECRET, st.sampled_from(["postgresql", "mysql+pymysql", "https", "x"]))
def test_no_password_is_told_whatever_is_in_it(user: str, password: str, scheme: str) -> None:
    url = f"{scheme}://{user}:{password}@host/name"
    told = without_credentials(f"cannot open {url}: no such host")
    assert told == f"cannot open {scheme}://***@host/name: no such host"


@pytest.mark.parametrize(
    "lines",
    [
        "storage: {url}",
        "storage: {{optuna: [{url}]}}",
        "storage: {{optuna: {{{url}: 1}}}}",
        "storage: {{'{url}': 1}}",
        "description: [{url}]",
        "'{url}': 1",
        "search: {{sampler: '{url}'}}",
    ],
)
def test_a_url_in_a_wrong_place_is_told_without_its_password(tmp_path: Path, lines: str) -> None:
    url = f"postgresql://ada:hunter2{'x' * 60}@host/name"
    file = tmp_path / "study.yaml"
    file.write_text("name: a\ndata: digits\n" + lines.format(url=url))
    with pytest.raises(UserError) as caught:
        load_study(file)
    assert "hunter2" not in str(caught.value)
    for override in (f"storage.optuna:{url}", f"storage={url}", f"storage.{url}=1"):
        file.write_text("name: a\ndata: digits\n")
        with pytest.raises(UserError) as caught:
            load_study(file, [override])
        assert "hunter2" not in str(caught.value)
