"""What the fixture ``finished_study`` gives."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FinishedStudy:
    """A small study of the digits after one ``moe-search run --json`` of it."""

    file: Path
    stdout: str
    stderr: str

    @property
    def outcome(self) -> dict[str, Any]:
        """What the run printed."""
        outcome: dict[str, Any] = json.loads(self.stdout)
        return outcome
