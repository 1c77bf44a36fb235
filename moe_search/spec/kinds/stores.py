"""Stores: where results may be kept, by the URLs that a study may name.

A URL can name a module to import, a file of settings, or a plugin. So what may stand in it is
listed, and whatever else could be meant is refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from moe_search.errors import UserError
from moe_search.spec.kinds.kind import Kind, Kinds

_FILE = r":///(?!:)(?!~[^/])[^?\x00-\x1f]+"
_USER = r"[^\s/?#@:]+(?::[^\s/?#@]+)?@"
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_OPTION = (
    r"(?:application_name|charset|connect_timeout|host|sslmode|sslrootcert|sslcert|sslkey"
    r"|ssl_ca|ssl_cert|ssl_key|unix_socket)=[^\s?#@&]+"
)
_DATABASE = (
    rf"://(?:{_USER})?(?:{_HOST})?/[^\s/?#@:]+"
    rf"(?:\?{_OPTION}(?:&{_OPTION})*)?"
)
_SERVER = rf"://{_HOST}(?:/[^\s?#@]*)?"


@dataclass(frozen=True, kw_only=True)
class StoreKind(Kind):
    """A kind of store; ``made_by`` names a ``moe_search.stores.kinds.base.Store``.

    Attributes:
        scheme: how its URLs begin, as a regular expression.
        rest: what may stand in them after it, as another.
        example: a URL as people are told it.
        in_file: whether the URL is the path of a file.
        for_optuna: whether Optuna can keep studies there; MLflow can keep runs in each.
        is_mlflow: whether an MLflow server answers, so that it keeps files and has pages, too.
        why_not: what is told of a URL that begins so and is refused.
    """

    scheme: str
    rest: str
    example: str
    in_file: bool = False
    for_optuna: bool = True
    is_mlflow: bool = False
    why_not: str = ""

    def begins(self, url: str) -> bool:
        """Whether a URL is meant to be of this kind."""
        return re.match(f"(?:{self.scheme})://", url) is not None


_QUOTE = "; in a user or password write @ as %40, / as %2F, and so on"

STORES = Kinds(
    StoreKind,
    {
        "sqlite": StoreKind(
            meaning="a file",
            made_by="moe_search.stores.kinds.sqlite:SqliteStore",
            scheme="sqlite",
            rest=_FILE,
            example="sqlite:///FILE",
            in_file=True,
        ),
        "postgresql": StoreKind(
            meaning="a database of PostgreSQL",
            made_by="moe_search.stores.kinds.postgresql:PostgresqlStore",
            scheme=r"postgresql(?:\+(?:psycopg|psycopg2|pg8000))?",
            rest=_DATABASE,
            example="postgresql://HOST/NAME",
            why_not=_QUOTE,
        ),
        "mysql": StoreKind(
            meaning="a database of MySQL or MariaDB",
            made_by="moe_search.stores.kinds.server:ServerStore",
            scheme=r"mysql(?:\+(?:pymysql|mysqldb|mysqlconnector))?",
            rest=_DATABASE,
            example="mysql://HOST/NAME",
            why_not=_QUOTE,
        ),
        "http": StoreKind(
            meaning="an MLflow server",
            made_by="moe_search.stores.kinds.http:MlflowServer",
            scheme="https?",
            rest=_SERVER,
            example="http://HOST:PORT",
            for_optuna=False,
            is_mlflow=True,
        ),
    },
)


def store_kind(url: str) -> StoreKind:
    """The kind of store that a URL names.

    Raises:
        ValueError: it names none.
    """
    for kind in STORES.values():
        if kind.begins(url):
            return kind
    raise ValueError(f"is not a store's URL; expected {_examples(STORES.values())}")


def store_file(url: str) -> Path | None:
    """The file that a URL names; None for a server's."""
    return Path(url.partition(":///")[2]) if store_kind(url).in_file else None


@dataclass(frozen=True)
class Stores:
    """Where a study's results lie, as people are told it: without credentials."""

    optuna: str
    mlflow: str
    artifacts: str


@dataclass(frozen=True)
class Addresses:
    """Where a study's results lie, as they are reached: URLs, and a folder, all absolute."""

    optuna: str
    mlflow: str
    artifacts: Path

    @property
    def mlflow_files(self) -> Path:
        """Folder of the files of MLflow's runs and models, where no server keeps them."""
        return self.artifacts / "mlflow"


def resolved_url(url: str, folder: Path) -> str:
    """The URL with a file's path in it made absolute; a relative one starts from the folder.

    Raises:
        UserError: the path has a ?, after which a database would take it for options.
    """
    file = store_file(url)
    if file is None:
        return url
    path = (folder / file.expanduser()).absolute()
    if "?" in str(path):
        raise UserError(
            f"{path}: no store can lie below a folder with a ? in its name; rename the folder, or "
            "name a store that lies elsewhere"
        )
    return f"{url.partition(':///')[0]}:///{path}"


def check_mlflow_url(url: str) -> str:
    """The URL of a store of MLflow's, if it may be opened.

    Raises:
        ValueError: it is another kind of URL, or not written as it should be.
    """
    return _checked(url, STORES.values())


def check_optuna_url(url: str) -> str:
    """The URL of a store of Optuna's, if it may be opened.

    Raises:
        ValueError: it is another kind of URL, or not written as it should be.
    """
    return _checked(url, _OF_OPTUNA)


_OF_OPTUNA = tuple(kind for kind in STORES.values() if kind.for_optuna)


def _checked(url: str, kinds: Iterable[StoreKind]) -> str:
    # The URL itself is not told, since it may hold a password.
    if re.fullmatch(_pattern(kinds), url):
        return url
    meant = next((kind for kind in STORES.values() if kind.begins(url)), None)
    if meant and meant.is_mlflow and "@" in url:
        raise ValueError(
            "must not hold a user or password; leave them to MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD"
        )
    hint = meant.why_not if meant else ""
    raise ValueError(f"is not a store's URL; expected {_examples(kinds)}{hint}")


def _examples(kinds: Iterable[StoreKind]) -> str:
    *most, last = (kind.example for kind in kinds)
    return f"{', '.join(most)} or {last}"


def _pattern(kinds: Iterable[StoreKind]) -> str:
    """What URLs of some kinds look like; those that end alike stand together."""
    schemes: dict[str, list[str]] = {}
    for kind in kinds:
        schemes.setdefault(kind.rest, []).append(kind.scheme)
    return "|".join(f"{_either(begins)}{rest}" for rest, begins in schemes.items())


def _either(alternatives: list[str]) -> str:
    return alternatives[0] if len(alternatives) == 1 else f"(?:{'|'.join(alternatives)})"


OptunaUrl = Annotated[
    str,
    AfterValidator(check_optuna_url),
    Field(json_schema_extra={"pattern": f"^(?:{_pattern(_OF_OPTUNA)})$"}),
]
MlflowUrl = Annotated[
    str,
    AfterValidator(check_mlflow_url),
    Field(json_schema_extra={"pattern": f"^(?:{_pattern(STORES.values())})$"}),
]
