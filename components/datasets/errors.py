"""The one error that describes bad input data."""

from __future__ import annotations

_LONGEST_VALUE = 80


class DataError(Exception):
    """Input data, or the place it should come from, is not usable as it is.

    Attributes:
        file: Name of the file or archive, or None where no file is at fault.
        line: Line of the whole file, counted from 1, or None.
        column: Name of the column as the file (or, without a header, the definition) names it.
        value: The offending text, or None.
        problem: What is wrong, a phrase that may follow the value.
        remedy: What a person can do about it.
    """

    def __init__(
        self,
        problem: str,
        remedy: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(problem, remedy)
        self.file = file
        self.line = line
        self.column = column
        self.value = value
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                self.file,
                f"line {self.line}" if self.line is not None else None,
                f"column {self.column}" if self.column is not None else None,
            )
            if part
        )
        shown = ""
        if self.value is not None:
            value = self.value
            if len(value) > _LONGEST_VALUE:
                value = value[:_LONGEST_VALUE] + "..."
            shown = f"{value!r} "
        sentence = f"{shown}{self.problem.rstrip('.')}. Remedy: {self.remedy.rstrip('.')}."
        whole = f"{place}: {sentence}" if place else sentence
        return " ".join(whole.splitlines())

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle by positional arguments, which would lose the place of the error.
        fields = (self.problem, self.remedy, self.file, self.line, self.column, self.value)
        return (_rebuild, fields)


def _rebuild(
    problem: str,
    remedy: str,
    file: str | None,
    line: int | None,
    column: str | None,
    value: str | None,
) -> DataError:
    return DataError(problem, remedy, file=file, line=line, column=column, value=value)
