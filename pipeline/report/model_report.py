"""The report on one model."""

from __future__ import annotations

import platform
from pathlib import Path

from components.datasets.definition import DatasetDefinition
from components.datasets.movielens import MOVIELENS
from pipeline.metrics_table import PEER_TITLES
from pipeline.report.answers import Asked
from pipeline.report.drawing import draw
from pipeline.report.durations import durations_chart
from pipeline.report.facts import Facts
from pipeline.report.layout import NODE_HEIGHT, NODE_WIDTH
from pipeline.report.metrics import ALL, UNSEEN, accuracy_charts, measured_models, metric_rows
from pipeline.report.model_card import ModelCard, model_card
from pipeline.report.page import render
from pipeline.report.served import COVERAGE, served_charts
from pipeline.report.slices import best_peer, slice_charts
from pipeline.report.statistics import StatisticsTable, statistics_table
from pipeline.report.training import training_charts
from pipeline.verdict import Evaluation

_TEMPLATE = "model.html"
_PEERS = "PeerEvaluator"
_STATISTICS = "statistics"
_TONES = {"pushed": "good", "unchanged": "good", "not_blessed": "bad"}
_TITLES = {
    ("InteractionStatistics", "train"): "Train events",
    ("InteractionStatistics", "eval"): "Eval events",
    ("CandidateStatistics", "train"): "Catalogue",
}


def model_report(facts: Facts, users: int, definition: DatasetDefinition = MOVIELENS) -> str:
    """The report on a model, as HTML.

    Args:
        facts: What is recorded of it.
        users: How many example users it shows.
        definition: The dataset's definition.
    """
    evaluation = facts.verdict.evaluation
    assert evaluation is not None
    card = model_card(facts, evaluation, definition)
    asked = Asked(facts.saved_model, definition)
    served = asked.served(card.candidates)
    people = asked.people(facts.output("ExampleGen", "examples").uri, users)
    models = measured_models(evaluation, facts.values(_PEERS, "evaluation", "intervals"))
    best = best_peer(evaluation)
    slices_of_peers = facts.values(_PEERS, "evaluation", "slices")
    best_title = PEER_TITLES[best] if best else ""
    sections = {
        "accuracies": accuracy_charts(models),
        "training": training_charts(facts.training_curve()),
        "served": served_charts(evaluation, served),
        "slices": slice_charts(
            evaluation.slices, slices_of_peers.get(best, {}), best_title, definition
        ),
    }
    seconds = durations_chart(facts.durations())
    drawing = draw(facts.lineage)
    return render(
        _TEMPLATE,
        [*(chart for found in sections.values() for chart in found), seconds],
        facts=facts,
        heading=_heading(facts),
        outcome=facts.verdict.outcome.replace("_", " "),
        tone=_TONES[facts.verdict.outcome],
        passed=[reason for reason in facts.verdict.reasons if reason["passed"]],
        failed=[reason for reason in facts.verdict.reasons if not reason["passed"]],
        numbers=_numbers(evaluation, card),
        columns=list(models),
        rows=metric_rows(models),
        best_peer=best_title,
        people=people,
        statistics=_statistics(facts, definition),
        drift_sentence=_drift_sentence(facts),
        drawing=drawing,
        node_facts={node.name: node.facts for node in drawing.nodes},
        node_width=NODE_WIDTH,
        node_height=NODE_HEIGHT,
        seconds=seconds,
        card=card,
        group_names=", ".join(dict.fromkeys(group.feature for group in card.groups)),
        made_by=f"Python {platform.python_version()} on {platform.system()}",
        **sections,
    )


def _heading(facts: Facts) -> str:
    if facts.version is None:
        return f"Retrieval model {facts.model.id}, not pushed"
    return f"Retrieval model, version {facts.version}"


def _numbers(evaluation: Evaluation, card: ModelCard) -> list[tuple[str, str]]:
    """What is worth knowing first."""
    metrics = evaluation.metrics
    best = max((peer[UNSEEN] for peer in evaluation.peers.values()), default=None)
    found = [(f"{metrics[UNSEEN]:.4f}", "top-100 accuracy, unseen titles")]
    if best is not None:
        found.append((f"{metrics[UNSEEN] - best:+.4f}", "to the best peer"))
    found.append((f"{metrics[ALL]:.4f}", "top-100 accuracy, all titles"))
    found.append((f"{100 * metrics[COVERAGE]:.0f} %", f"of {card.candidates:,} titles served"))
    return found


def _statistics(facts: Facts, definition: DatasetDefinition) -> list[StatisticsTable]:
    found = []
    for (component, split), title in _TITLES.items():
        folder = _split(facts.output(component, _STATISTICS).uri, split)
        previous = None
        if facts.baseline and not _same_data(facts):
            previous = _split(facts.baseline[component].outputs[_STATISTICS].uri, split)
        found.append(statistics_table(title, folder, previous, definition.event_time))
    return found


def _split(uri: str, split: str) -> Path:
    return Path(uri) / f"Split-{split}"


def _drift_sentence(facts: Facts) -> str:
    if facts.baseline is None:
        return "There is no earlier blessed model whose data these could be compared with."
    if _same_data(facts):
        return "The model blessed before was trained on the very same data: there is no drift."
    return (
        "Drift is the distance to the data of the model blessed before: for numbers the"
        " Jensen-Shannon divergence of the histograms (base 2), for texts L-infinity, the largest"
        " change of a value's share. Both are 0 for equal and 1 for disjoint distributions."
    )


def _same_data(facts: Facts) -> bool:
    """Whether the statistics are the very artifacts of the baseline."""
    assert facts.baseline is not None
    return all(
        facts.output(component, _STATISTICS).uri
        == facts.baseline[component].outputs[_STATISTICS].uri
        for component, _ in _TITLES
    )
