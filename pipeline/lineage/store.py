"""The lineage of an output folder: finds what a person names, and walks from there."""

from __future__ import annotations

from pathlib import Path

from components.files import is_remote
from pipeline.failure import OutputError
from pipeline.lineage import walk
from pipeline.lineage.graph import Artifact, Lineage
from pipeline.lineage.reading import MetadataReader
from pipeline.metadata_store import open_store
from pipeline.paths import OutputPaths
from pipeline.version_records import VersionRecord, VersionRecords


class LineageStore:
    """Reads the metadata of an output folder; runs may go on meanwhile.

    Args:
        paths: The output folder.

    Raises:
        OutputError: There is no metadata, or it cannot be opened.

    Attributes:
        paths: The output folder.
        reader: Answers single questions.
        versions: What is recorded of each pushed version, by number.
    """

    def __init__(self, paths: OutputPaths) -> None:
        self.paths = paths
        store = open_store(paths.metadata)
        self.reader = MetadataReader(store)
        self.versions: dict[int, VersionRecord] = VersionRecords(store, paths).by_version()

    def find(self, name: str | None = None) -> Artifact:
        """The artifact that a name stands for.

        Args:
            name: Number of a pushed version; id of an artifact, which no version is; path of the
                folder of a version or of an artifact, or of what is inside; None for the version
                that is served.

        Raises:
            OutputError: There is no such artifact.
        """
        if name is None:
            return self._current()
        if name.isdigit():
            return self._numbered(int(name))
        return self._placed(name)

    def artifacts(self) -> list[Artifact]:
        """All artifacts, by id.

        A server may have those of others: then what is in the output folder, and what its pushed
        versions were made from.
        """
        found = self.reader.all_artifacts()
        if not self.paths.server:
            return found
        folders = (f"{self.paths.artifacts}/", f"{self.paths.serving}/")
        ours = {artifact.id for artifact in found if artifact.uri.startswith(folders)}
        for record in self.versions.values():
            ours.update(self.upstream(record.artifacts[0]).artifacts)
        return [artifact for artifact in found if artifact.id in ours]

    def made_here(self, artifact_type: str) -> list[Artifact]:
        """The artifacts of a type, by id; of a server, those in the folders of this output."""
        found = self.reader.artifacts_of_type(artifact_type)
        if not self.paths.server:
            return found
        return [
            artifact for artifact in found if artifact.uri.startswith(f"{self.paths.artifacts}/")
        ]

    def upstream(self, artifact: Artifact) -> Lineage:
        """What an artifact was made from, and what was said of it; see `walk.upstream`."""
        return walk.upstream(self.reader, artifact.id)

    def downstream(self, artifact: Artifact) -> Lineage:
        """What was made from an artifact; see `walk.downstream`."""
        return walk.downstream(self.reader, artifact.id)

    def _current(self) -> Artifact:
        served = self.paths.versions()
        if not served:
            raise OutputError(
                f"no model was pushed to {self.paths.serving} yet: run the pipeline first, name its"
                " folder with --output, or name an artifact."
            )
        return self._numbered(served[-1])

    def _numbered(self, number: int) -> Artifact:
        if number in self.versions:
            return self.versions[number].artifacts[0]
        if number in self.paths.versions():
            raise OutputError(
                f"version {number} stands in {self.paths.serving}, but is not in the metadata of"
                " this output folder."
            )
        artifact = self.reader.artifacts([number]).get(number)
        if artifact is None:
            known = ", ".join(map(str, sorted(self.versions))) or "none"
            raise OutputError(
                f"{number} is neither a pushed version nor the id of an artifact: the versions that"
                f" were pushed are {known}."
            )
        return artifact

    def _placed(self, name: str) -> Artifact:
        remote = is_remote(name)
        place = name.rstrip("/") if remote else str(Path(name).expanduser().resolve())
        if not remote:
            folder = Path(place)
            for parent in (folder, *folder.parents):
                if parent.parent == self.paths.serving and parent.name.isdigit():
                    return self._numbered(int(parent.name))
        while "/" in place.strip("/"):
            found = self.reader.artifacts_at(place)
            if found:
                return found[-1]  # a folder that was imported several times has several
            place = place.rpartition("/")[0]
        raise OutputError(
            f"{name} is neither a pushed version, nor the id of an artifact, nor a place where one"
            f" of {self.paths.output} is kept."
        )
