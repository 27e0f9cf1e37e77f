"""Runs with reports; reads these, and looks at them in Chromium where that is installed."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import tensorflow as tf

from pipeline.paths import OutputPaths
from tests.pipeline.command_line import RUNNER, Finished, Workspace, finish, start

CHROMIUM = shutil.which("chromium")
DARK, LIGHT = 0, 1
_JSON = r'<script type="application/json" id="{}">(.*?)</script>'
# Draws the page in a frame of a given width, which windows of Chromium cannot have, and writes
# what the page says of itself into the outer one.
_FRAME = """<!doctype html><iframe src="{page}" style="width:{width}px;height:900px"></iframe>
<pre id="said"></pre><script>
addEventListener("message", event => {{ said.textContent = event.data; }});
</script>"""
_PROBE = """<script>
addEventListener("load", async () => {
  while (!document.body.dataset.drawn) await new Promise(later => setTimeout(later, 50));
  const plots = [...document.querySelectorAll(".plot")];
  const node = document.querySelector(".node.execution");
  if (node) node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const facts = document.getElementById("facts");
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);
  const text = document.querySelector(".plot .ytick text, .plot .xtick text");
  parent.postMessage(JSON.stringify({
    width: innerWidth,
    needed: document.documentElement.scrollWidth,
    wide: plots.filter(plot => plot.querySelector(".main-svg").getBoundingClientRect().width
                               > plot.clientWidth + 1).map(plot => plot.id),
    marks: Object.fromEntries(plots.map(plot => [plot.dataset.figure, plot.querySelectorAll(
      ".bars .point, .scatterlayer .point, .scatterlayer .js-line").length])),
    facts: facts ? [...facts.querySelectorAll("dt, dd")].map(item => item.textContent) : [],
    picked: node ? node.getAttribute("aria-label") : "",
    brightness: (+red + +green + +blue) / 3,
    ink: getComputedStyle(text).fill.match(/\\d+/g).map(Number),
  }), "*");
});
</script>"""


@dataclasses.dataclass(frozen=True)
class Runs:
    """A run, and one on other data with a bound that its model misses."""

    workspace: Workspace
    first: Finished
    second: Finished

    @property
    def paths(self) -> OutputPaths:
        """The output folder."""
        return OutputPaths.of(self.workspace.output)

    def split(self, split: str, which: Callable[..., Path] = max) -> pd.DataFrame:
        """Rows of a split of the newest data: every column is a list of one, or of none."""
        folder = which(
            (Path(self.paths.artifacts) / "ExampleGen" / "examples").iterdir(), key=number
        )
        columns = ["user_id", "movie_title", "user_rating", "timestamp"]
        table = pd.read_parquet(folder / f"Split-{split}", columns=columns)
        return table.apply(lambda column: column.str[0])

    def model(self) -> Any:
        """The newest model, loaded."""
        folder = newest(Path(self.paths.artifacts) / "Trainer" / "model")
        return tf.saved_model.load(str(folder / "Format-Serving"))

    def report(self, *arguments: str) -> Finished:
        """Runs the command `report`."""
        command = [sys.executable, str(RUNNER), "report", *arguments]
        return finish(start([*command, "--output", str(self.workspace.output)]))


def page_of(run: Finished) -> str:
    """The report that a run has written."""
    return Path(run.report["report"]).read_text("utf-8")


def number(folder: Path) -> int:
    """The execution that wrote a folder."""
    return int(folder.name)


def newest(folder: Path) -> Path:
    """What the latest execution of a component wrote."""
    return max(folder.iterdir(), key=number)


def embedded(page: str, name: str) -> Any:
    """JSON that a page holds."""
    [found] = re.findall(_JSON.format(name), page, re.DOTALL)
    return json.loads(found)


def bar_values(figure: Any) -> dict[str, float]:
    """Value of each bar by its label."""
    return {
        told[0]: value
        for trace in figure["data"]
        if trace["type"] == "bar"
        for told, value in zip(trace["customdata"], trace["x"], strict=True)
    }


def text_of(page: str) -> str:
    """What a page says, without its scripts, styles and marks."""
    page = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def look(page: Path, folder: Path, width: int, scheme: int) -> dict[str, Any]:
    """What a page says of itself once it is drawn; fails where it prints to the console.

    Args:
        page: The page.
        folder: An existing folder for what this needs.
        width: Width of the page in pixels.
        scheme: Whether the reader prefers `DARK` or `LIGHT`.
    """
    assert CHROMIUM is not None
    probed, frame = folder / "probed.html", folder / f"frame-{width}.html"
    probed.write_text(page.read_text("utf-8").replace("</body>", f"{_PROBE}</body>"), "utf-8")
    frame.write_text(_FRAME.format(page=probed.as_uri(), width=width), "utf-8")
    done = subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *("--virtual-time-budget=30000", "--window-size=1400,1000"),
            f"--blink-settings=preferredColorScheme={scheme}",
            *(f"--user-data-dir={folder / 'profile'}", "--dump-dom", frame.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    [said] = re.findall(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    found: dict[str, Any] = json.loads(html.unescape(said))
    return found
