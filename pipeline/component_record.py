"""What a component did in a run, independent of where that is recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class OutputArtifact:
    """An artifact that a component gave out.

    Attributes:
        uri: Its folder.
        values: Its custom properties by name.
    """

    uri: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ComponentRecord:
    """What a component did in a run.

    Attributes:
        succeeded: Whether it completed, or was answered from the cache.
        cached: Whether it was answered from the cache.
        outputs: What it gave out, by the name of the output.
    """

    succeeded: bool
    cached: bool
    outputs: Mapping[str, OutputArtifact]
