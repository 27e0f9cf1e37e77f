"""The training curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.report import charts
from pipeline.report.charts import Chart

_LOSS = "loss"
_VALID = "valid_"
_TITLES = {
    "valid_unseen_top_100_accuracy": "among unseen titles",
    "valid_top_100_accuracy": "among all titles",
}


def training_charts(curve: Mapping[str, Sequence[float]]) -> list[Chart]:
    """The loss, and the accuracies on the valid split, by epoch.

    Args:
        curve: Value per epoch of each figure that the Trainer logged.
    """
    epochs = list(range(1, len(curve[_LOSS]) + 1))
    valid = {
        _TITLES.get(name, name): (epochs, values)
        for name, values in curve.items()
        if name.startswith(_VALID)
    }
    return [
        charts.lines(
            "curve-valid",
            "Top-100 accuracy on the valid split",
            valid,
            x_title="epoch",
            whole_numbers=True,
        ),
        charts.lines(
            "curve-loss",
            "Training loss",
            {_LOSS: (epochs, curve[_LOSS])},
            x_title="epoch",
            whole_numbers=True,
        ),
    ]
