"""URLs of stores: which a study may name.

A URL can name a module to import, a file of settings, or a plugin. So what may stand in it is
listed, and whatever else could be meant is refused.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

_FILE = r"sqlite:///(?!:)(?!~[^/])[^?\x00-\x1f]+"
_POSTGRESQL = r"postgresql(?:\+(?:psycopg|psycopg2|pg8000))?"
_MYSQL = r"mysql(?:\+(?:pymysql|mysqldb|mysqlconnector))?"
_USER = r"[^\s/?#@:]+(?::[^\s/?#@]+)?@"
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_OPTION = (
    r"(?:application_name|charset|connect_timeout|host|sslmode|sslrootcert|sslcert|sslkey"
    r"|ssl_ca|ssl_cert|ssl_key|unix_socket)=[^\s?#@&]+"
)
_SERVER = (
    rf"(?:{_POSTGRESQL}|{_MYSQL})://(?:{_USER})?(?:{_HOST})?/[^\s/?#@:]+"
    rf"(?:\?{_OPTION}(?:&{_OPTION})*)?"
)
_HTTP = rf"https?://{_HOST}(?:/[^\s?#@]*)?"

_OPTUNA, _MLFLOW = f"{_FILE}|{_SERVER}", f"{_FILE}|{_SERVER}|{_HTTP}"
_DATABASES = "sqlite:///FILE, postgresql://HOST/NAME"


@dataclass(frozen=True)
class Stores:
    """Where a study's results lie, as people are told it: without credentials."""

    optuna: str
    mlflow: str
    artifacts: str


def resolved_url(url: str, folder: Path) -> str:
    """The URL with a file's path in it made absolute; a relative one starts from the folder."""
    scheme, file = url[: len("sqlite:///")], url[len("sqlite:///") :]
    if scheme != "sqlite:///":
        return url
    return f"{scheme}{(folder / Path(file).expanduser()).absolute()}"


def check_mlflow_url(url: str) -> str:
    """The URL of a store of MLflow's, if it may be opened.

    Raises:
        ValueError: it is another kind of URL, or not written as it should be.
    """
    expected = f"{_DATABASES}, mysql://HOST/NAME or http://HOST:PORT"
    return _checked(url, _MLFLOW, expected)


def check_optuna_url(url: str) -> str:
    """The URL of a store of Optuna's, if it may be opened.

    Raises:
        ValueError: it is another kind of URL, or not written as it should be.
    """
    return _checked(url, _OPTUNA, f"{_DATABASES} or mysql://HOST/NAME")


def _checked(url: str, allowed: str, expected: str) -> str:
    # The URL itself is not told, since it may hold a password.
    if re.fullmatch(allowed, url):
        return url
    if re.match(r"https?://.*@", url):
        raise ValueError(
            "must not hold a user or password; leave them to MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD"
        )
    hint = ""
    if re.match(rf"(?:{_POSTGRESQL}|{_MYSQL})://", url):
        hint = "; in a user or password write @ as %40, / as %2F, and so on"
    raise ValueError(f"is not a store's URL; expected {expected}{hint}")


OptunaUrl = Annotated[
    str,
    AfterValidator(check_optuna_url),
    Field(json_schema_extra={"pattern": f"^(?:{_OPTUNA})$"}),
]
MlflowUrl = Annotated[
    str,
    AfterValidator(check_mlflow_url),
    Field(json_schema_extra={"pattern": f"^(?:{_MLFLOW})$"}),
]
