import threading

import pytest
from tfx.proto.orchestration import pipeline_pb2

from pipeline.concurrency import run_side_by_side

# A diamond and a branch of its own; each names what it waits for.
GRAPH = {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"], "E": []}
PATIENCE = 20


def compiled(graph: dict[str, list[str]]) -> pipeline_pb2.Pipeline:
    pipeline = pipeline_pb2.Pipeline()
    pipeline.pipeline_info.id = "of-this-test"
    for name, upstream in graph.items():
        node = pipeline.nodes.add().pipeline_node
        node.node_info.id = name
        node.upstream_nodes.extend(upstream)
    return pipeline


class Components:
    """Components that fail, or that wait until as many others run as they are told."""

    def __init__(self, failing: str = "", meeting: tuple[str, ...] = ()) -> None:
        self._failing = failing
        self._meeting = meeting
        self._barrier = threading.Barrier(max(1, len(meeting)))
        self._lock = threading.Lock()
        self.running: set[str] = set()
        self.most_at_once = 0
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.failures: list[tuple[str, list[str]]] = []

    def run(self, pipeline: pipeline_pb2.Pipeline) -> None:
        (node,) = pipeline.nodes
        assert pipeline.pipeline_info.id == "of-this-test"
        name = node.pipeline_node.node_info.id
        with self._lock:
            assert set(node.pipeline_node.upstream_nodes) <= set(self.ended)
            self.begun.append(name)
            self.running.add(name)
            self.most_at_once = max(self.most_at_once, len(self.running))
        if name in self._meeting:
            self._barrier.wait(PATIENCE)
        with self._lock:
            self.running.remove(name)
            if name in self._failing:
                raise ValueError(name)
            self.ended.append(name)

    def fail(self, name: str, others: list[str]) -> None:
        self.failures.append((name, others))


def run(components: Components, at_once: int, graph: dict[str, list[str]] = GRAPH) -> None:
    run_side_by_side(compiled(graph), at_once, components.fail, components.run)


def test_one_at_a_time_is_the_order_of_the_pipeline() -> None:
    components = Components()
    run(components, at_once=1)
    assert components.ended == ["A", "B", "C", "D", "E"]
    assert components.most_at_once == 1


@pytest.mark.parametrize("at_once", [2, 3, 9])
def test_components_wait_for_those_before_them_and_for_no_others(at_once: int) -> None:
    # Both would wait in vain for each other if one had to end first.
    components = Components(meeting=("B", "C"))
    run(components, at_once)
    assert sorted(components.ended) == sorted(GRAPH)
    assert 2 <= components.most_at_once <= at_once


@pytest.mark.parametrize("failing", ["A", "AB"])
def test_after_a_failure_what_runs_is_awaited_and_nothing_begins(failing: str) -> None:
    failed = threading.Event()

    class SlowB(Components):
        def fail(self, name: str, others: list[str]) -> None:
            super().fail(name, others)
            failed.set()

        def run(self, pipeline: pipeline_pb2.Pipeline) -> None:
            if pipeline.nodes[0].pipeline_node.node_info.id == "B":
                assert failed.wait(PATIENCE)
            super().run(pipeline)

    components = SlowB(failing)
    with pytest.raises(ValueError, match=r"^A$"):
        run(components, 2, {"A": [], "B": [], "C": ["B"], "D": []})
    assert components.failures == [("A", ["B"])]
    assert components.begun == ["A", "B"]
    assert components.ended == [name for name in "B" if name not in failing]
