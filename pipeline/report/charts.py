"""The charts of a report, drawn with Plotly in colours that suit light and dark pages."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

MODEL, OTHER, PUBLISHED, MARK = "#3b82f6", "#94a3b8", "#f59e0b", "#ef4444"
_LINES = (MODEL, "#f59e0b", "#10b981", "#a78bfa", "#ef4444", "#14b8a6", "#ec4899")
_BAR_HEIGHT = 28
_MARGIN = 40
_VALUE_WIDTH = 64
_LINE_HEIGHT = 300
# Longer names of bars are broken into lines, which leaves room for the bars of a narrow page.
_LONGEST_LABEL = 22


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Attributes:
        name: Its id in the page.
        title: What stands above it.
        figure: What Plotly draws.
    """

    name: str
    title: str
    figure: go.Figure

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.figure.layout.height)

    def to_json(self) -> Any:
        """The figure as plain values."""
        return json.loads(self.figure.to_json())


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: What stands beside it.
        value: Its length.
        interval: Bounds of the 95 % confidence interval; None for none.
        colour: Its colour.
        note: What is told of it when it is pointed at.
    """

    label: str
    value: float
    interval: Sequence[float] | None = None
    colour: str = OTHER
    note: str = ""


def bars(
    name: str,
    title: str,
    found: Sequence[Bar],
    *,
    digits: int = 4,
    unit: str = "",
    marks: Sequence[float | None] | None = None,
    marked: str = "",
    limits: Sequence[float] | None = None,
) -> Chart:
    """Horizontal bars, the first on top.

    Args:
        name: Id in the page.
        title: What stands above it.
        found: The bars.
        digits: Digits behind the point of the values that are written.
        unit: What is written behind them.
        marks: A mark per bar to compare it with, None for none; or no marks at all.
        marked: What the marks are.
        limits: Ends of the axis; None to choose them by the bars.
    """
    places = list(range(len(found)))
    texts = [f"{bar.value:,.{digits}f}{unit}" for bar in found]
    drawn: list[Any] = [
        go.Bar(
            x=[bar.value for bar, _, _ in group],
            y=[place for _, place, _ in group],
            orientation="h",
            error_x=_whiskers([bar for bar, _, _ in group]),
            marker={"color": [bar.colour for bar, _, _ in group]},
            customdata=[[_plain(bar.label), text, bar.note] for bar, _, text in group],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        )
        for group in _by_interval(list(zip(found, places, texts, strict=True)))
    ]
    if marks:
        drawn.append(
            go.Scatter(
                x=list(marks),
                y=places,
                mode="markers",
                marker={"symbol": "line-ns-open", "size": 13, "color": MARK, "line": {"width": 2}},
                hovertemplate=f"{marked}: %{{x:.{digits}f}}<extra></extra>",
            )
        )
    figure = go.Figure(drawn)
    figure.update_layout(
        **_layout(_MARGIN + _BAR_HEIGHT * len(found)),
        showlegend=False,
        bargap=0.35,
        barmode="overlay",
        yaxis={
            "tickvals": places,
            "ticktext": [_short(bar.label) for bar in found],
            "range": [len(found) - 0.5, -0.5],
            "automargin": True,
            "showgrid": False,
            "fixedrange": True,
        },
        xaxis={"rangemode": "tozero", "range": limits, "fixedrange": True, "nticks": 5},
        # A column of values at the right, which no bar, whisker or mark can cover.
        annotations=[
            {
                "text": text,
                "x": 1,
                "xref": "paper",
                "xanchor": "left",
                "xshift": 8,
                "y": place,
                "showarrow": False,
            }
            for place, text in zip(places, texts, strict=True)
        ],
    )
    figure.update_layout(margin={"r": _VALUE_WIDTH})
    return Chart(name, title, figure)


def lines(
    name: str,
    title: str,
    found: Mapping[str, tuple[Sequence[Any], Sequence[float]]],
    *,
    x_title: str = "",
    whole_numbers: bool = False,
    percent: bool = False,
    markers: bool = True,
) -> Chart:
    """Lines by name.

    Args:
        name: Id in the page.
        title: What stands above it.
        found: Places along x and values of each line, by its name.
        x_title: What stands below.
        whole_numbers: Whether x counts something.
        percent: Whether both axes are shares.
        markers: Whether each point is marked.
    """
    figure = go.Figure(
        [
            go.Scatter(
                x=list(x),
                y=list(y),
                mode="lines+markers" if markers else "lines",
                name=label,
                line={"color": colour, "width": 2},
                hovertemplate=f"{label}<br>%{{x}}: %{{y:.4~g}}<extra></extra>",
            )
            for (label, (x, y)), colour in zip(found.items(), _repeated(len(found)), strict=True)
        ]
    )
    axis: dict[str, Any] = {"fixedrange": True, "automargin": True}
    if percent:
        axis |= {"tickformat": ".0%", "range": [0, 1]}
    figure.update_layout(
        **_layout(_LINE_HEIGHT),
        showlegend=len(found) > 1,
        xaxis={**axis, "title": {"text": x_title, "font": {"size": 13}}, "nticks": 8},
        yaxis=axis,
    )
    if whole_numbers:
        figure.update_xaxes(tickformat="d", dtick=_step(max(len(x) for x, _ in found.values())))
    return Chart(name, title, figure)


def _by_interval(found: list[tuple[Bar, int, str]]) -> list[list[tuple[Bar, int, str]]]:
    """Those with an interval and those without, for a whisker of no length is drawn as a line."""
    groups = [[entry for entry in found if bool(entry[0].interval) == has] for has in (True, False)]
    return [group for group in groups if group]


def _whiskers(found: Sequence[Bar]) -> dict[str, Any] | None:
    """The intervals, as Plotly takes them: distances from the value."""
    pairs = [(bar.value, bar.interval) for bar in found if bar.interval]
    if not pairs:
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": [interval[1] - value for value, interval in pairs],
        "arrayminus": [value - interval[0] for value, interval in pairs],
        "thickness": 1.5,
        "width": 4,
        "color": "#64748b",
    }


def _repeated(count: int) -> list[str]:
    return [_LINES[place % len(_LINES)] for place in range(count)]


def _step(count: int) -> int:
    return max(1, round(count / 8))


def _plain(label: str) -> str:
    """A text of the data, in which Plotly would take some tags for marks of its own."""
    return html.escape(label, quote=False)


def _short(label: str) -> str:
    rows: list[str] = []
    for word in _plain(label).split(" "):
        if rows and len(rows[-1]) + len(word) < _LONGEST_LABEL:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return "<br>".join(rows)


def _layout(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 8, "r": 16, "t": 8, "b": 32},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "template": None,
    }
