"""Has executors record what every artifact should tell of itself.

It goes onto the artifacts and not onto the execution: executors of Kubeflow and Vertex hand back
artifacts only. And it is no execution parameter: a commit or a package that changed would be part
of the cache key, and every component would run again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any

from components.provenance.files import digest
from components.provenance.names import (
    FILES_BYTES,
    FILES_SHA256,
    GIT_COMMIT,
    GIT_MODIFIED,
    PACKAGE_VERSIONS,
)
from components.provenance.packages import package_versions
from components.provenance.source import running_source

Artifacts = dict[str, list[Any]]
Do = Callable[[Any, Artifacts, Artifacts, dict[str, Any]], None]


def recorded(do: Do) -> Do:
    """Decorates an executor's `Do`: what it gave out is described when it has ended well."""

    @functools.wraps(do)
    def wrapped(
        self: Any, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        # What a `Do` returns would take the place of the artifacts that are described here.
        do(self, input_dict, output_dict, exec_properties)
        describe(artifact for artifacts in output_dict.values() for artifact in artifacts)

    return wrapped


def describe(artifacts: Iterable[Any]) -> None:
    """Records on artifacts a checksum of their files, and the code and packages that run.

    Args:
        artifacts: TFX artifacts whose files are complete.
    """
    source = running_source()
    for artifact in artifacts:
        found = digest(artifact.uri)
        artifact.set_string_custom_property(FILES_SHA256, found.sha256)
        artifact.set_int_custom_property(FILES_BYTES, found.size)
        artifact.set_string_custom_property(PACKAGE_VERSIONS, json.dumps(package_versions()))
        if source is not None:
            artifact.set_string_custom_property(GIT_COMMIT, source.commit)
            artifact.set_int_custom_property(GIT_MODIFIED, int(source.modified))
