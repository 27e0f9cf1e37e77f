"""The one figure worth showing of each component, read from what it gave out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from components import files
from components.provenance.names import VOCABULARIES
from pipeline.component_record import OutputArtifact
from pipeline.tuned import Tuned

Outputs = Mapping[str, OutputArtifact]

_SPLITS = ("train", "valid", "eval")


def key_figure(component: str, outputs: Outputs) -> str:
    """The figure of a component as a phrase; empty where there is none.

    Args:
        component: Id of the component in the pipeline.
        outputs: What it gave out.
    """
    describe = _FIGURES.get(component)
    return describe(outputs) if describe else ""


def _examples(outputs: Outputs) -> str:
    events, catalogue = outputs["examples"].values, outputs["candidates"].values
    splits = ", ".join(f"{events[f'rows_{split}']:,} {split}" for split in _SPLITS)
    phrases = [f"{splits} events of {_count(events['queries'], 'user')}"]
    phrases.append(_count(catalogue["rows"], "title"))
    if events.get("repeated_events"):
        phrases.append(f"{_count(events['repeated_events'], 'event')} repeated")
    if catalogue.get("shared_keys"):
        phrases.append(f"{_count(catalogue['shared_keys'], 'title')} shared by several movies")
    return "; ".join(phrases)


def _anomalies(outputs: Outputs) -> str:
    return "no anomalies"  # with one, the component would not have ended


def _vocabularies(outputs: Outputs) -> str:
    sizes = json.loads(outputs["transform_graph"].values[VOCABULARIES])
    return ", ".join(f"{size:,} {name}" for name, size in sizes.items())


def _tuning(outputs: Outputs) -> str:
    tuned = Tuned.of_artifact(outputs["tuner_results"])
    trials = _count(tuned.trials, "trial")
    if not tuned.changed:
        return f"{trials}, none better than what is given: {tuned.accuracy_as_given:.4f}"
    changes = (f"{name} {given} -> {best}" for name, (given, best) in tuned.changed.items())
    return (
        f"best of {trials} {tuned.accuracy:.4f}, as given {tuned.accuracy_as_given:.4f}; "
        f"{', '.join(changes)}"
    )


def _training(outputs: Outputs) -> str:
    model = outputs["model"].values
    accuracy = float(model["valid_unseen_top_100_accuracy"])
    epochs = _count(model["epochs"], "epoch")
    index = json.loads(model["index"])
    return (
        f"{epochs}; valid top-100 accuracy among unseen titles {accuracy:.4f}; index "
        f"{index['kind']}: {index['reason']}"
    )


def _baseline(outputs: Outputs) -> str:
    if "model" not in outputs:
        return "no earlier blessed model"
    saved = os.path.join(outputs["model"].uri, "Format-Serving", "saved_model.pb")
    made = datetime.fromtimestamp(files.modified_at(saved), timezone.utc).astimezone()
    return f"the blessed model of {made:%Y-%m-%d %H:%M}"


def _evaluation(outputs: Outputs) -> str:
    metrics = json.loads(outputs["evaluation"].values["metrics"])
    blessed = "blessed" if outputs["blessing"].values["blessed"] else "not blessed"
    accuracy = metrics["unseen_top_100_accuracy"]
    return f"top-100 accuracy among unseen titles {accuracy:.4f}; {blessed}"


def _peers(outputs: Outputs) -> str:
    metrics = json.loads(outputs["evaluation"].values["metrics"])
    return ", ".join(
        f"{peer} {values['unseen_top_100_accuracy']:.4f}" for peer, values in metrics.items()
    )


def _servable(outputs: Outputs) -> str:
    reasons = json.loads(outputs["infra_blessing"].values["reasons"])
    failed = [reason["check"] for reason in reasons if not reason["passed"]]
    if failed:
        return f"fails {', '.join(failed)}"
    return f"served as at export by a process of its own; {_count(len(reasons), 'check')} passed"


def _push(outputs: Outputs) -> str:
    values = outputs["pushed_model"].values
    if values["outcome"] == "not_blessed":
        return "not pushed"
    verb = "pushed as" if values["outcome"] == "pushed" else "already served as"
    return f"{verb} version {values['pushed_version']}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


_FIGURES: dict[str, Callable[[Outputs], str]] = {
    "ExampleGen": _examples,
    "InteractionValidator": _anomalies,
    "CandidateValidator": _anomalies,
    "Transform": _vocabularies,
    "Tuner": _tuning,
    "Trainer": _training,
    "BaselineModel": _baseline,
    "PeerEvaluator": _peers,
    "Evaluator": _evaluation,
    "IndexValidator": _servable,
    "Pusher": _push,
}
