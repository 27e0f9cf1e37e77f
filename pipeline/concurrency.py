"""Runs the components of a compiled pipeline on this machine, several at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto.orchestration import pipeline_pb2


def run_side_by_side(
    compiled: pipeline_pb2.Pipeline,
    at_once: int,
    on_failure: Callable[[str, list[str]], None],
    run_alone: Callable[[pipeline_pb2.Pipeline], None] | None = None,
) -> None:
    """Runs each component as soon as those that it waits for have ended.

    LocalDagRunner itself runs one after the other; here each component is a pipeline of its own
    to it, in a thread of its own. Those that may begin do so in the order of the pipeline.

    Args:
        compiled: The pipeline; each node names those that it waits for.
        at_once: How many components run at the same time at most.
        on_failure: Called with the first component that fails, and those that run on till their
            end: what they make is found by the next run.
        run_alone: Runs a pipeline of one component; None for LocalDagRunner.

    Raises:
        Exception: What the first component to fail has raised, once no other runs any more.
        KeyboardInterrupt: At once, with components still running: see `leave`.
    """
    run_alone = run_alone or LocalDagRunner().run_with_ir
    waiting = {node.pipeline_node.node_info.id: node for node in compiled.nodes}
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    threads = ThreadPoolExecutor(at_once)
    try:
        while running or (waiting and failure is None):
            unfinished = {*waiting, *running.values()}
            ready = [
                name
                for name, node in waiting.items()
                if failure is None and unfinished.isdisjoint(node.pipeline_node.upstream_nodes)
            ]
            for name in ready[: at_once - len(running)]:
                alone = _only(compiled, waiting.pop(name))
                running[threads.submit(run_alone, alone)] = name
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                name, error = running.pop(ended), ended.exception()
                if error is not None and failure is None:
                    failure = error
                    on_failure(name, list(running.values()))
    finally:
        threads.shutdown(wait=False)
    if failure is not None:
        raise failure


def _only(
    compiled: pipeline_pb2.Pipeline, node: pipeline_pb2.Pipeline.PipelineOrNode
) -> pipeline_pb2.Pipeline:
    alone = pipeline_pb2.Pipeline()
    alone.CopyFrom(compiled)
    del alone.nodes[:]
    alone.nodes.append(node)
    return alone
