"""The sections of a study's page, as its table names them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from moe_search.errors import UserError
from moe_search.report.page import PageSection, Part
from moe_search.report.results.study import Report


@dataclass(frozen=True)
class SectionKind:
    """A section that a study's page has as soon as there is something to say in it.

    Attributes:
        heading: over it.
        text: under the heading, or what gives it; shown only beside parts, if it is a constant.
        parts: each gives the tables and pictures of one kind that there are.
    """

    heading: str
    text: str | Callable[[Report], str]
    parts: tuple[Callable[[Report], Sequence[Part]], ...]

    def of(self, report: Report) -> PageSection | None:
        """The section of a study; None where there is nothing to say.

        What MLflow's store lacks is said in the place of the section.
        """
        try:
            parts = tuple(part for kind in self.parts for part in kind(report))
            text = self.text(report) if callable(self.text) else self.text if parts else ""
        except UserError as error:
            return PageSection(self.heading, f"This cannot be shown: {error}.", ())
        return PageSection(self.heading, text, parts) if parts or text else None


def sections(kinds: Sequence[SectionKind], report: Report) -> Iterator[PageSection]:
    """Those that a study has."""
    for kind in kinds:
        if (section := kind.of(report)) is not None:
            yield section
