"""study.yaml as one frozen model, and what a search reads off it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo

from moe_search.credentials import without_credentials
from moe_search.spec.base import Section, Value
from moe_search.spec.checks import (
    check_backbone,
    check_choice,
    check_device,
    check_early_stop,
    check_listed,
    check_points,
    check_sampler,
    check_terms,
    check_top_k,
)
from moe_search.spec.comparison import Row, Rows
from moe_search.spec.conditions import conditions
from moe_search.spec.configuration import (
    Configuration,
    Model,
    Regularizer,
    Training,
)
from moe_search.spec.differences import changes, leaves
from moe_search.spec.domains import Choices, Domain, IntRange
from moe_search.spec.kinds.samplers import SAMPLERS
from moe_search.spec.kinds.stores import Addresses, Stores, resolved_url
from moe_search.spec.searchable import Parameter, searchable
from moe_search.spec.sections import (
    Collapse,
    Data,
    DataName,
    Finalists,
    Objective,
    Search,
    Storage,
    name_alone,
)
from moe_search.words import show

if TYPE_CHECKING:
    StudyModel: TypeAlias = Section
    StudyRegularizer: TypeAlias = Section
    StudyTraining: TypeAlias = Section
else:
    StudyModel = searchable(Model)
    StudyRegularizer = searchable(Regularizer)
    StudyTraining = searchable(Training)

_SLUG = r"[a-z0-9][a-z0-9_-]{0,63}"


def _is_slug(name: str) -> str:
    if not re.fullmatch(_SLUG, name):
        raise ValueError(
            f"{show(name)} is not a name; expected up to 64 of a-z, 0-9, - and _, "
            "starting with a letter or digit"
        )
    return name


ROW, SEED = "configuration", "seed"
"""The parameters of a comparison: a row's name and the seed of one run of it."""


class Study(Section):
    """A hyperparameter search for a Mixture-of-Experts classifier, or a comparison of some."""

    name: Annotated[
        str, AfterValidator(_is_slug), WithJsonSchema({"type": "string", "pattern": f"^{_SLUG}$"})
    ] = Field(description="names the study in both dashboards and in the model registry")
    description: str = Field("", description="a note for people")
    data: Annotated[Data, BeforeValidator(name_alone, json_schema_input_type=Data | DataName)] = (
        Field(description="what is learned: a data set's name, or a section")
    )
    model: StudyModel = StudyModel()
    regularizer: StudyRegularizer = StudyRegularizer()
    training: StudyTraining = StudyTraining()
    configurations: Rows = Field(
        {},
        description="named configurations to compare instead of searching, each trained from "
        "several seeds and judged on the test set",
    )
    objective: Objective = Objective()
    search: Search = Search()
    finalists: Finalists = Finalists()
    storage: Storage = Storage()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        settings = self.settings
        check_backbone(settings["model.backbone"], "model", "backbone")
        check_top_k(settings, "model", "top_k")
        check_terms(settings, "regularizer")
        check_early_stop(settings, self.data, self.finalists, "training")
        for name, row in self.configurations.items():
            check_backbone(row.model.backbone, "configurations", name, "model", "backbone")
            joined = settings | row.changes()
            check_top_k(joined, "configurations", name, "model", "top_k")
            check_terms(joined, "configurations", name, "regularizer")
            check_early_stop(joined, self.data, self.finalists, "configurations", name, "training")
        check_listed(self.configurations, self.data, self.search, settings)
        check_sampler(self.search, self.objective, self.parameters)
        check_points(self.search, self.parameters)
        check_choice(self.finalists, self.objective)
        check_device(self.search)
        return self

    _folder: Path = PrivateAttr(default_factory=Path)

    def model_post_init(self, context: Any) -> None:
        """Takes the folder that relative paths start from out of the validation's context."""
        if context:
            self._folder = context["folder"]

    @property
    def folder(self) -> Path:
        """Folder of study.yaml, from which its relative paths start."""
        return self._folder

    @property
    def data_root(self) -> Path | None:
        """Folder in which known data sets are looked for, if one is given."""
        return self.data.root and self.resolved(self.data.root)

    @property
    def data_path(self) -> Path | None:
        """File or folder of the user's own data."""
        return self.data.path and self.resolved(self.data.path)

    @property
    def source(self) -> Data:
        """The data section with absolute paths, as workers take it."""
        network = self.data.network
        changes: dict[str, object] = {"root": self.data_root, "path": self.data_path}
        if network and network.weights:
            weights = self.resolved(network.weights)
            changes["features"] = network.model_copy(update={"weights": weights})
        return self.data.model_copy(update=changes).placed(self._folder.absolute())

    @property
    def optuna_url(self) -> str:
        """URL of Optuna's store; a file's path in it is absolute."""
        return resolved_url(self.storage.optuna, self._folder)

    @property
    def mlflow_url(self) -> str:
        """URL of MLflow's store or server; a file's path in it is absolute."""
        return resolved_url(self.storage.mlflow, self._folder)

    @property
    def addresses(self) -> Addresses:
        """Where the results lie, as they are reached."""
        return Addresses(self.optuna_url, self.mlflow_url, self.artifacts_folder)

    @property
    def stores(self) -> Stores:
        """Where the results lie, as people are told it."""
        return Stores(
            without_credentials(self.optuna_url),
            without_credentials(self.mlflow_url),
            str(self.artifacts_folder),
        )

    @property
    def artifacts_folder(self) -> Path:
        """Folder of figures, tables and models."""
        return self.resolved(self.storage.artifacts)

    @property
    def checkpoints_folder(self) -> Path:
        """Folder of trainings that have not ended; of this study alone."""
        return self.artifacts_folder / f"{self.name}.checkpoints"

    @property
    def pruner(self) -> str:
        """The pruner asked for; a comparison runs to its end."""
        asked = self.search.pruner or SAMPLERS[self.search.sampler].pruner
        return "none" if self.configurations else asked or "none"

    @property
    def collapse(self) -> Collapse | None:
        """When a trial is stopped because its experts collapse; a comparison runs to the end."""
        return None if self.configurations else self.search.collapse

    @property
    def race(self) -> int:
        """Seeds at most of a configuration that may still be the best; 1 where none races."""
        finite = not self.parameters or SAMPLERS[self.search.sampler].tries_all
        fixed = self.configurations or self.search.seeds > 1
        return 1 if finite or fixed or self.objective.pareto else self.search.race

    @property
    def finals_race(self) -> bool:
        """Whether finalists get seeds by how they stand; else all get the same."""
        finals = self.finalists
        return finals.race and min(finals.top, self.trials) > 1 and not self.objective.pareto

    @property
    def trials(self) -> int:
        """Trials the study should have; where nothing is searched, one is all there are."""
        if self.configurations:
            return sum(map(self._seeds_of, self.configurations.values()))
        return self.search.trials if self.parameters else 1

    @property
    def runs(self) -> list[dict[str, Value]]:
        """Every run of a comparison: a row's name and a seed; the same seeds for all rows."""
        return [
            {ROW: name, SEED: self.search.seed + n}
            for n in range(max(map(self._seeds_of, self.configurations.values()), default=0))
            for name, row in self.configurations.items()
            if n < self._seeds_of(row)
        ]

    def _seeds_of(self, row: Row) -> int:
        return row.seeds or self.search.seeds

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is searched; conditions come before what depends on them.

        A hyperparameter that has no meaning in any trial of this study is left out. A comparison
        has two: a row's name and a seed.
        """
        if self.configurations:
            names, seed = tuple(self.configurations), self.search.seed
            most = max(map(self._seeds_of, self.configurations.values()))
            seeds = IntRange(low=seed, high=seed + most - 1)
            return (Parameter(ROW, Choices(choices=names), ()), Parameter(SEED, seeds, ()))
        settings = self.settings
        parameters: list[Parameter] = []

        def sometimes(path: str) -> bool:
            """Whether a hyperparameter has a meaning in some trials only."""
            return any(other.path == path and other.when for other in parameters)

        for path, field, domain in self._hyperparameters():
            when = conditions(field)
            possible = all(condition.may_hold(settings) for condition in when)
            if isinstance(domain, Domain) and possible:
                open_ = tuple(c for c in when if not c.decided_by(settings, sometimes))
                parameters.append(Parameter(path, domain, open_))
        return tuple(parameters)

    def configuration(self, values: Mapping[str, Value]) -> Configuration:
        """Joins the fixed hyperparameters with searched values.

        Whatever has no meaning beside the others takes its default, so two configurations are
        equal where they train alike.

        Args:
            values: by path, for every searched hyperparameter that has a meaning.

        Raises:
            KeyError: a value is lacking.
        """
        settings = self.settings
        if self.configurations:
            settings |= self.configurations[str(values[ROW])].changes()
        chosen: dict[str, Any] = {}
        sections: dict[str, dict[str, Any]] = {}
        for path, field, _ in self._hyperparameters():
            if not all(condition.holds(chosen) for condition in conditions(field)):
                chosen[path] = field.default
            else:
                setting = settings[path]
                chosen[path] = values[path] if isinstance(setting, Domain) else setting
            section, name = path.split(".")
            sections.setdefault(section, {})[name] = chosen[path]
        return Configuration.model_validate(sections)

    def space(self) -> dict[str, Any]:
        """Describes, as JSON knows it, what must not change when a study goes on.

        By path: domains and fixed hyperparameters, the objective, the data but not the folder it
        lies in, and the seeds trials are trained with. A comparison may have more seeds, as each is
        a trial of its own.
        """
        fixed = self.model_dump(
            mode="json",
            include={
                "data": set(Data.model_fields) - {"root", "cache"},
                "search": {"seed"} if self.configurations else {"seed", "seeds"},
                "configurations": {"__all__": {"model", "regularizer", "training"}},
                **dict.fromkeys(("model", "regularizer", "training", "objective"), True),
            },
        )
        return dict(sorted([*leaves(fixed), ("configurations", list(self.configurations))]))

    def changes_since(self, begun: Mapping[str, Any]) -> list[str]:
        """What a study that was begun with another space would change, one line a change.

        What that space does not name did not exist yet, and was as it is by default; but for the
        objective, which names what it is made of.
        """
        usual = Study.model_validate({"name": "usual", "data": "digits"}).space()
        return changes(begun, self.space(), usual)

    @property
    def settings(self) -> dict[str, object]:
        """Value or domain of every hyperparameter, by path."""
        return {path: setting for path, _, setting in self._hyperparameters()}

    def _hyperparameters(self) -> Iterator[tuple[str, FieldInfo, object]]:
        """Path, plain field, and value or domain, in order of declaration."""
        plains: tuple[type[Section], ...] = (Model, Regularizer, Training)
        for section, plain in zip(("model", "regularizer", "training"), plains, strict=True):
            for name, field in plain.model_fields.items():
                yield f"{section}.{name}", field, getattr(getattr(self, section), name)

    def resolved(self, path: Path) -> Path:
        """A path; a relative one lies beside study.yaml."""
        return (self._folder / path.expanduser()).absolute()
