"""Where a run keeps what it makes, below its output folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.serving.interface import MODEL_NAME


@dataclass(frozen=True)
class OutputPaths:
    """Layout of an output folder.

    Attributes:
        output: The folder, absolute: artifacts are recorded by their absolute path.
    """

    output: Path

    @classmethod
    def of(cls, output: Path) -> OutputPaths:
        """Layout of a folder named in any way."""
        return cls(output.expanduser().resolve())

    @property
    def artifacts(self) -> Path:
        """Root of all artifacts."""
        return self.output / "artifacts"

    @property
    def checkpoints(self) -> str:
        """What trainings that were killed leave for the next one to go on from."""
        return f"{self.artifacts}/checkpoints"

    @property
    def metadata(self) -> Path:
        """SQLite database of ML Metadata."""
        return self.output / "metadata" / "metadata.db"

    @property
    def serving(self) -> Path:
        """Folder with one folder per pushed version, as TF Serving wants it."""
        return self.output / "serving" / MODEL_NAME

    @property
    def logs(self) -> Path:
        """Folder with one log file per run."""
        return self.output / "logs"

    @property
    def reports(self) -> Path:
        """Folder with pages on several models; those on one lie with the artifacts."""
        return self.output / "reports"

    def versions(self) -> list[int]:
        """Pushed versions, oldest first."""
        if not self.serving.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.serving.iterdir() if entry.name.isdigit())
