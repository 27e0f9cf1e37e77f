"""The walk through the metadata, on random graphs in real stores and against a matrix."""

from __future__ import annotations

import dataclasses

import ml_metadata as mlmd
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_metadata.proto import metadata_store_pb2

from pipeline.lineage import walk
from pipeline.lineage.graph import Lineage
from pipeline.lineage.reading import MetadataReader

Event = metadata_store_pb2.Event
Execution = metadata_store_pb2.Execution


@dataclasses.dataclass(frozen=True)
class Step:
    """A component of a random pipeline; artifacts are numbered from 0."""

    inputs: frozenset[int]
    baselines: frozenset[int]
    outputs: frozenset[int]


@dataclasses.dataclass(frozen=True)
class Graph:
    """Steps, and the order in which they are recorded: each once done, more often cached."""

    steps: list[Step]
    size: int
    order: list[tuple[int, str]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A graph without cycles, in which executions are recorded in any order."""
    steps: list[Step] = []
    size = 0
    for _ in range(draw(st.integers(1, 7))):
        earlier = st.frozensets(st.integers(0, size - 1), max_size=3) if size else st.just(())
        inputs, compared = frozenset(draw(earlier)), frozenset(draw(earlier))
        outputs = frozenset(range(size, size + draw(st.integers(1, 3))))
        steps.append(Step(inputs, compared - inputs, outputs))
        size += len(outputs)
    again = draw(st.lists(st.integers(0, len(steps) - 1), max_size=5))
    done = [(step, "COMPLETE") for step in range(len(steps))]
    order = draw(st.permutations([*done, *((step, "CACHED") for step in again)]))
    return Graph(steps, size, order)


def store_of(graph: Graph) -> tuple[mlmd.MetadataStore, list[int], dict[int, int]]:
    """The store, the id of each artifact, and the id of the execution that did each step."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.fake_database.SetInParent()
    store = mlmd.MetadataStore(connection)
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Thing"))
    ids = store.put_artifacts(
        [metadata_store_pb2.Artifact(type_id=kind, uri=str(n)) for n in range(graph.size)]
    )
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name="Step"))
    made = {}
    events = []
    for number, state in graph.order:
        [execution] = store.put_executions(
            [Execution(type_id=kind, last_known_state=Execution.State.Value(state))]
        )
        if state == "COMPLETE":
            made[number] = execution
        step = graph.steps[number]
        for artifacts, event_type, key in (
            (step.inputs, Event.INPUT, "data"),
            (step.baselines, Event.INPUT, "baseline_model"),
            (step.outputs, Event.OUTPUT, "output"),
        ):
            for artifact in artifacts:
                event = Event(artifact_id=ids[artifact], execution_id=execution, type=event_type)
                event.path.steps.add().key = key
                events.append(event)
    # A resolver passes everything on, which makes it the maker of nothing.
    [resolver] = store.put_executions(
        [Execution(type_id=kind, last_known_state=Execution.COMPLETE)]
    )
    for artifact in ids:
        event = Event(artifact_id=artifact, execution_id=resolver, type=Event.INTERNAL_OUTPUT)
        event.path.steps.add().key = "model"
        events.append(event)
    store.put_events(events)
    return store, list(ids), made


def closure(size: int, pairs: set[tuple[int, int]]) -> np.ndarray:
    """Which numbers can be reached from which, each from itself."""
    reached = np.eye(size, dtype=int)
    for pair in pairs:
        reached[pair] = 1
    return np.linalg.matrix_power(reached, size) > 0


def check_edges(lineage: Lineage, ids: list[int], made: dict[int, int], graph: Graph) -> None:
    """Every execution is one that did a step, and has the edges of that step."""
    steps = {execution: graph.steps[number] for number, execution in made.items()}
    for execution in lineage.executions:
        edges = {edge for edge in lineage.edges if edge.execution == execution}
        for kind, artifacts in (
            ("input", steps[execution].inputs),
            ("baseline", steps[execution].baselines),
            ("output", steps[execution].outputs),
        ):
            found = {edge.artifact for edge in edges if edge.kind == kind}
            assert found == {ids[artifact] for artifact in artifacts} & lineage.artifacts.keys()


@given(graphs(), st.data())
@settings(deadline=None, max_examples=60)
def test_the_walks_find_what_can_be_reached(graph: Graph, data: st.DataObject) -> None:
    store, ids, made = store_of(graph)
    target = data.draw(st.integers(0, graph.size - 1))
    maker = {output: step for step in graph.steps for output in step.outputs}
    reader = MetadataReader(store)

    back = {(a, b) for a, step in maker.items() for b in step.inputs | step.outputs}
    reached = set(np.flatnonzero(closure(graph.size, back)[target]))
    compared = {b for a in reached for b in maker[a].baselines} - reached
    up = walk.upstream(reader, ids[target])
    assert set(up.artifacts) == {ids[a] for a in reached | compared}
    assert up.baselines == {ids[a] for a in compared}
    for artifact in reached:
        producer = up.producer(ids[artifact])
        assert producer is not None
        assert producer.id == made[graph.steps.index(maker[artifact])]
        assert producer.state == "COMPLETE"
        repeats = sum(s == graph.steps.index(maker[artifact]) for s, _ in graph.order) - 1
        assert len(up.cached[ids[artifact]]) == repeats
    check_edges(up, ids, made, graph)

    forth = {(a, b) for b, step in maker.items() for a in step.inputs}
    rests = set(np.flatnonzero(closure(graph.size, forth)[target]))
    down = walk.downstream(reader, ids[target])
    assert set(down.artifacts) == {ids[a] for a in rests}
    check_edges(down, ids, made, graph)
    for artifact in rests - {target}:
        upward = walk.upstream(reader, ids[artifact])
        assert ids[target] in upward.artifacts.keys() - upward.baselines
