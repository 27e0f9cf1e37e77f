import logging
import time

import pytest

from pipeline.progress import ComponentTime, ProgressHandler, running


class Recorder:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.times: dict[str, ComponentTime] = {}
        handler = ProgressHandler(["A", "B"], self.begin, self.end, self.times)
        self.logger = logging.Logger("test", logging.INFO)
        self.logger.addHandler(handler)

    def begin(self) -> None:
        self.events.append(f"running {' '.join(self.running())}")

    def running(self) -> list[str]:
        return [entry.name for entry in running(self.times)]

    def end(self, ended: ComponentTime) -> None:
        self.events.append(f"end {ended.name}")


def test_the_messages_of_the_runner_are_recognised() -> None:
    recorder = Recorder()
    recorder.logger.info("Component %s is running.", "A")
    assert recorder.running() == ["A"]
    time.sleep(0.02)
    recorder.logger.info("Component %s is finished.", "A")
    assert recorder.running() == []
    recorder.logger.info("Running component: %s", "B")
    recorder.logger.info("Finished: %s", "B")
    assert recorder.events == ["running A", "end A", "running B", "end B"]
    assert 0.02 <= (recorder.times["A"].seconds or 0) < 5


def test_components_may_run_side_by_side() -> None:
    recorder = Recorder()
    recorder.logger.info("Component %s is running.", "B")
    recorder.logger.info("Component %s is running.", "A")
    recorder.logger.info("Component %s is finished.", "A")
    assert recorder.running() == ["B"]
    recorder.logger.info("Component %s is finished.", "A")
    recorder.logger.info("Component %s is finished.", "B")
    assert recorder.events == ["running B", "running B A", "end A", "end B"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("Component %s is running.", "unknown"),
        ("Component is running.",),
        ("%s is running in %s", "A", "B"),
        ("%d is running", 3),
        ("Skipping execution for %s", "A"),
        ("Component %s is finished.", "A"),
        ("Component %(name)s is running.", {"name": "A"}),
    ],
)
def test_other_messages_are_not(arguments: tuple[object, ...]) -> None:
    recorder = Recorder()
    recorder.logger.info(str(arguments[0]), *arguments[1:])
    assert recorder.events == []


def test_what_goes_wrong_while_reporting_stops_the_run() -> None:
    recorder = Recorder()

    def fail(ended: ComponentTime) -> None:
        raise RuntimeError(ended.name)

    recorder.logger.handlers = [ProgressHandler(["A"], recorder.begin, fail, recorder.times)]
    recorder.logger.info("Component %s is running.", "A")
    with pytest.raises(RuntimeError, match="A"):
        recorder.logger.info("Component %s is finished.", "A")
