"""Executors: where a study's workers are. The key ``search.executor`` names one and its options."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, StrictFloat, create_model

from moe_search.spec.base import Section
from moe_search.spec.kinds.kind import Kind, Kinds
from moe_search.words import show


class Options(Section):
    """What study.yaml says to an executor."""

    def misfit(self, device: str) -> str | None:
        """Why workers cannot have the device that ``search.device`` asks for; None if they can."""
        raise NotImplementedError


class Ray(Options):
    """Workers as actors of a Ray cluster, wherever it has room for them."""

    address: Literal["auto", "local"] = Field(
        "auto",
        description="auto: the cluster of RAY_ADDRESS, or the one this machine is a node of; "
        "local: one of this machine alone, for the time of the run",
    )
    gpus_per_worker: StrictFloat = Field(
        0, ge=0, le=1, description="share of a GPU that each worker takes; 0 trains on CPUs"
    )

    def misfit(self, device: str) -> str | None:
        """Why workers cannot have a device; they have one by their share of a GPU."""
        share = "search.executor.ray.gpus_per_worker is"
        if device == "cuda" and not self.gpus_per_worker:
            return f"cuda needs GPUs, and {share} 0; give each worker 1, or a share such as 0.5"
        if device == "cpu" and self.gpus_per_worker:
            return f"cpu needs no GPUs, and {share} {self.gpus_per_worker}; leave one of them out"
        return None


@dataclass(frozen=True, kw_only=True)
class ExecutorKind(Kind):
    """An executor; ``made_by`` names a ``moe_search.search.executors.base.Opener``.

    Attributes:
        options: what study.yaml may say to it; None for this machine's processes, which have none
            and train a study that names no executor.
    """

    options: type[Options] | None = None


LOCAL = "local"

EXECUTORS = Kinds(
    ExecutorKind,
    {
        LOCAL: ExecutorKind(
            meaning="processes of this machine",
            made_by="moe_search.search.executors.local:LocalOpener",
        ),
        "ray": ExecutorKind(
            meaning="actors of a Ray cluster",
            made_by="moe_search.search.executors.ray_cluster:RayOpener",
            options=Ray,
        ),
    },
)


class ChosenExecutor(Section):
    """What else than this machine's processes trains: one key, which names it, and its options."""

    @property
    def name(self) -> str:
        """Which it is."""
        return next(iter(type(self).model_fields))

    @property
    def options(self) -> Options:
        """What was said to it."""
        options: Options = getattr(self, self.name)
        return options


if TYPE_CHECKING:
    GivenExecutor: TypeAlias = ChosenExecutor | None
else:
    _CHOSEN: dict[str, type[ChosenExecutor]] = {}
    for _name, _kind in EXECUTORS.items():
        if _kind.options is not None:
            # the first has the name by which the schema has always known it
            _CHOSEN[_name] = create_model(
                f"Executor{_name.title()}" if _CHOSEN else "Executor",
                __base__=ChosenExecutor,
                __doc__="What else than this machine's processes trains.",
                **{_name: (_kind.options, Field(description=_kind.meaning))},
            )

    def _read(value: object) -> ChosenExecutor | None:
        """Reads ``local`` as nothing else, and others by their key."""
        if value is None or value == LOCAL:
            return None
        if isinstance(value, ChosenExecutor):
            return value
        if not isinstance(value, Mapping):
            others = " or ".join(f"{{{name}: {{}}}}" for name in _CHOSEN)
            raise ValueError(f"expected {LOCAL} or {others}; got {show(value)}")
        first = next(iter(_CHOSEN))  # says what is wrong where none is named
        return _CHOSEN[next((name for name in _CHOSEN if name in value), first)].model_validate(
            value
        )

    _ANY = reduce(or_, _CHOSEN.values())
    GivenExecutor = Annotated[
        _ANY | None, BeforeValidator(_read, json_schema_input_type=_ANY | Literal[LOCAL] | None)
    ]
    """The executor that study.yaml names; None for this machine's processes."""


def kind_of(given: GivenExecutor) -> ExecutorKind:
    """The kind of executor that is given."""
    return EXECUTORS[LOCAL if given is None else given.name]
