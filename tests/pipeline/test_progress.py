import logging
import time

import pytest

from pipeline.progress import ComponentTime, ProgressHandler, current_component


class Recorder:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.times: dict[str, ComponentTime] = {}
        handler = ProgressHandler(["A", "B"], self.begin, self.end, self.times)
        self.logger = logging.Logger("test", logging.INFO)
        self.logger.addHandler(handler)

    def begin(self, name: str) -> None:
        self.events.append(f"begin {name}")

    def end(self, ended: ComponentTime) -> None:
        self.events.append(f"end {ended.name}")


def test_the_messages_of_the_runner_are_recognised() -> None:
    recorder = Recorder()
    recorder.logger.info("Component %s is running.", "A")
    assert current_component(recorder.times) == "A"
    time.sleep(0.02)
    recorder.logger.info("Component %s is finished.", "A")
    assert current_component(recorder.times) is None
    recorder.logger.info("Running component: %s", "B")
    recorder.logger.info("Finished: %s", "B")
    assert recorder.events == ["begin A", "end A", "begin B", "end B"]
    assert 0.02 <= (recorder.times["A"].seconds or 0) < 5


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
