"""What a person sees of a run while it goes on."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

_NAME_WIDTH = 22
_SECONDS_WIDTH = 8


class Terminal:
    """Writes one line per component, and errors, to the real terminal.

    Args:
        out: Stream for progress and results.
        err: Stream for errors.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self.console = Console(file=out, highlight=False, soft_wrap=True)
        self._errors = Console(file=err, highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def note(self, sentence: str) -> None:
        """A line that is about no component."""
        self.console.print(Text(sentence, style="dim"))

    def begin(self, *doings: str) -> None:
        """What takes time from now on; shown only where lines can be taken back."""
        self.stop()
        if doings and self.console.is_terminal:
            self._status = self.console.status(Text(", ".join(doings)))
            self._status.start()

    def end(self, component: str, seconds: float, cached: bool, figure: str) -> None:
        """A component has ended."""
        self.stop()
        took = "cached" if cached else f"{seconds:.1f} s"
        line = Text(f"{component:<{_NAME_WIDTH}}", style="bold")
        line.append(f"{took:>{_SECONDS_WIDTH}}", style="green" if cached else "not bold cyan")
        line.append(f"  {figure}".rstrip(), style="not bold")
        self.console.print(line)

    def error(self, sentence: str) -> None:
        """The one sentence that a failed command leaves."""
        self.stop()
        message = Text("Error: ", style="bold red")
        message.append(sentence, style="not bold default")
        self._errors.print(message)

    def stop(self) -> None:
        """Takes the line about what is going on away."""
        if self._status is not None:
            self._status.stop()
            self._status = None
