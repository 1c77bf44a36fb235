"""The key ``search.executor``: where workers are."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictFloat

from moe_search.spec.base import Section
from moe_search.words import show


class Ray(Section):
    """Workers as actors of a Ray cluster, wherever it has room for them."""

    address: Literal["auto", "local"] = Field(
        "auto",
        description="auto: the cluster of RAY_ADDRESS, or the one this machine is a node of; "
        "local: one of this machine alone, for the time of the run",
    )
    gpus_per_worker: StrictFloat = Field(
        0, ge=0, le=1, description="share of a GPU that each worker takes; 0 trains on CPUs"
    )


class Executor(Section):
    """What else than this machine's processes trains."""

    ray: Ray = Field(description="actors of a Ray cluster")


def _elsewhere(value: object) -> object:
    """Reads ``local`` as nothing else."""
    if value is None or value == "local":
        return None
    if not isinstance(value, Mapping | Executor):
        raise ValueError(f"expected local or {{ray: {{}}}}; got {show(value)}")
    return value


GivenExecutor = Annotated[
    Executor | None,
    BeforeValidator(_elsewhere, json_schema_input_type=Executor | Literal["local"] | None),
]
