"""Turns what a report says into one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from pipeline.report.charts import Chart


def render(template: str, charts: Sequence[Chart], **values: Any) -> str:
    """The HTML of a page, which loads nothing from anywhere else.

    Args:
        template: File name of the template.
        charts: Every chart that it shows.
        values: Whatever else the template names.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    figures = {chart.name: chart.to_json() for chart in charts}
    return environment.get_template(template).render(
        figures=figures, plotly=get_plotlyjs(), **values
    )
