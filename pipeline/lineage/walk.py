"""Walks from an artifact to what it was made from, or to what was made from it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from pipeline.lineage.graph import Artifact, Edge, Execution, Lineage
from pipeline.lineage.reading import MetadataReader

COMPLETE = "COMPLETE"
CACHED = "CACHED"
MODEL = "Model"
# What a run says of data, and of a model: made from them, while they are not made from it.
_REPORTS_ON_DATA = {"Examples": "ExampleStatistics", "ExampleStatistics": "ExampleAnomalies"}


def upstream(reader: MetadataReader, target: int) -> Lineage:
    """What an artifact was made from, with whatever else the same executions gave.

    That is joined by what the run that it came from says of the data (statistics and anomalies)
    and, where the target is a model, of the model (evaluation and blessings). Edges of the kind
    `baseline` are kept but not followed.

    Args:
        reader: The store.
        target: Id of the artifact.
    """
    walk = _Upstream(reader)
    walk.follow({target})
    run = walk.nearest_run(target)
    run_edges = reader.edges_of_executions(reader.executions_of_run(run)) if run else []
    walk.follow_reports(target, run_edges)
    return walk.lineage(target, run, run_edges)


def downstream(reader: MetadataReader, target: int) -> Lineage:
    """What was made from an artifact, without what was only compared with it.

    It has neither `baselines` nor a `run`, and of the edges only those of its artifacts.

    Args:
        reader: The store.
        target: Id of the artifact.
    """
    edges: set[Edge] = set()
    producers: dict[int, int] = {}
    cached: dict[int, tuple[int, ...]] = {}
    seen, frontier = {target}, {target}
    of_frontier = reader.edges_of_artifacts(frontier)
    while frontier:
        takers = {e.execution for e in of_frontier if e.kind == "input" and e.artifact in frontier}
        # What was answered from the cache was made by another that took the same.
        takers = {taker for taker, state in reader.states(takers).items() if state != CACHED}
        taken = reader.edges_of_executions(takers)
        given = {edge.artifact for edge in taken if edge.kind == "output"} - seen
        of_frontier = reader.edges_of_artifacts(given)
        made, had = makers(reader, of_frontier)
        frontier = {artifact for artifact in given if made[artifact] in takers}
        kept = {made[artifact] for artifact in frontier}
        edges |= {edge for edge in taken if edge.execution in kept}
        producers |= {artifact: made[artifact] for artifact in frontier}
        cached |= {artifact: had[artifact] for artifact in frontier}
        seen |= frontier
    return Lineage(
        target=target,
        artifacts=reader.artifacts(seen),
        executions=reader.executions(set(producers.values())),
        edges=_sorted(edge for edge in edges if edge.artifact in seen),
        producers=producers,
        baselines=frozenset(),
        cached=cached,
        run=None,
        from_cache=frozenset(),
    )


@dataclasses.dataclass
class _Upstream:
    """A walk that goes on from wherever it is sent.

    Attributes:
        reader: The store.
        edges: Of the executions that were met.
        producers: Execution by artifact.
        cached: Executions that had an artifact from the cache.
        executions: The executions that were met, by id, nearest first.
        seen: Artifacts that were met, other than as a baseline.
    """

    reader: MetadataReader
    edges: set[Edge] = dataclasses.field(default_factory=set)
    producers: dict[int, int] = dataclasses.field(default_factory=dict)
    cached: dict[int, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    executions: dict[int, Execution] = dataclasses.field(default_factory=dict)
    seen: set[int] = dataclasses.field(default_factory=set)

    def follow(self, artifacts: Collection[int]) -> None:
        """Goes from artifacts to all that they were made from."""
        frontier = set(artifacts) - self.seen
        while frontier:
            self.seen |= frontier
            producers, cached = makers(self.reader, self.reader.edges_of_artifacts(frontier))
            self.producers |= producers
            self.cached |= cached
            new = set(producers.values()) - self.executions.keys()
            self.executions |= self.reader.executions(new)
            met = self.reader.edges_of_executions(new)
            self.edges |= set(met)
            frontier = {edge.artifact for edge in met if edge.kind != "baseline"} - self.seen

    def nearest_run(self, target: int) -> str | None:
        """The run that the target came from, or what it is again."""
        artifact: int | None = target
        while artifact is not None:
            execution = self.executions.get(self.producers.get(artifact, 0))
            if execution is None:
                return None
            run = self.reader.run_of(execution.id)
            if run is not None:
                return run
            taken = [e for e in self.edges if e.execution == execution.id and e.kind == "input"]
            artifact = min((edge.artifact for edge in taken), default=None)
        return None

    def follow_reports(self, target: int, run_edges: Iterable[Edge]) -> None:
        """Goes on to what a run says of what was met."""
        given = defaultdict(set)
        for edge in run_edges:
            if edge.kind == "output":
                given[edge.execution].add(edge.artifact)
        types = self._types({a for found in given.values() for a in found} | self.seen)
        # Twice: anomalies are what is said of statistics.
        for _ in _REPORTS_ON_DATA:
            for edge in run_edges:
                if edge.kind == "input" and edge.artifact in self.seen:
                    reported = types.get(edge.artifact)
                    report = _REPORTS_ON_DATA.get(reported or "")
                    found = {a for a in given[edge.execution] if types[a] == report}
                    if edge.artifact == target and reported == MODEL:
                        found = given[edge.execution]
                    self.follow(found)

    def lineage(self, target: int, run: str | None, run_edges: Iterable[Edge]) -> Lineage:
        """What was met."""
        in_run = {edge.execution for edge in run_edges}
        met = self.seen | {edge.artifact for edge in self.edges}
        return Lineage(
            target=target,
            artifacts=self.reader.artifacts(met),
            executions=self.executions,
            edges=_sorted(self.edges),
            producers=self.producers,
            baselines=_only_baselines(self.edges) - self.seen,
            cached=self.cached,
            run=run,
            from_cache=frozenset(
                artifact for artifact, had in self.cached.items() if in_run & set(had)
            ),
        )

    def _types(self, artifacts: Collection[int]) -> Mapping[int, str]:
        found: dict[int, Artifact] = self.reader.artifacts(artifacts)
        return {identity: artifact.type for identity, artifact in found.items()}


def makers(
    reader: MetadataReader, edges: Iterable[Edge]
) -> tuple[dict[int, int], dict[int, tuple[int, ...]]]:
    """Who made each artifact, and who had it from the cache, by artifact.

    The maker is the oldest that was not answered from the cache, or the oldest of all.
    """
    givers: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        if edge.kind == "output":
            givers[edge.artifact].append(edge.execution)
    # The oldest is the maker, but for a store that TFX did not write: the others need no look.
    oldest = {artifact: min(found) for artifact, found in givers.items()}
    states = reader.states(set(oldest.values()))
    for artifact, found in givers.items():
        if states[oldest[artifact]] == CACHED:
            more = reader.states(set(found))
            oldest[artifact] = min(found, key=lambda e: (more[e] == CACHED, e))
    cached = {
        artifact: tuple(sorted(set(found) - {oldest[artifact]}))
        for artifact, found in givers.items()
    }
    return oldest, cached


def _only_baselines(edges: Iterable[Edge]) -> frozenset[int]:
    return frozenset(edge.artifact for edge in edges if edge.kind == "baseline")


def _sorted(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    return tuple(sorted(edges, key=lambda e: (e.execution, e.kind, e.key, e.artifact)))
