"""Where a run keeps what it makes, below its output folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.serving.interface import MODEL_NAME
from pipeline.store_server import StoreServer


@dataclass(frozen=True)
class OutputPaths:
    """Layout of an output folder.

    Attributes:
        output: The folder, absolute: artifacts are recorded by their absolute path.
        server: Where ML Metadata is; None for a database in the folder.
        artifact_root: Where artifacts are, a URL; None for the folder.
    """

    output: Path
    server: StoreServer | None = None
    artifact_root: str | None = None

    @classmethod
    def of(
        cls, output: Path, server: StoreServer | None = None, artifact_root: str | None = None
    ) -> OutputPaths:
        """Layout of a folder named in any way."""
        return cls(output.expanduser().resolve(), server, artifact_root)

    @property
    def artifacts(self) -> str:
        """Root of all artifacts, a path or a URL."""
        return self.artifact_root or str(self.output / "artifacts")

    @property
    def checkpoints(self) -> str:
        """What trainings that were killed leave for the next one to go on from."""
        return f"{self.artifacts}/checkpoints"

    @property
    def metadata(self) -> Path | StoreServer:
        """ML Metadata: a SQLite database, or a server."""
        return self.server or self.output / "metadata" / "metadata.db"

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
