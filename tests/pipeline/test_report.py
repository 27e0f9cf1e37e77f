"""Reports on real runs: every figure against what the run recorded, and the page in Chromium."""

from __future__ import annotations

import collections
import dataclasses
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.provenance.files import digest
from components.serving.asking import ask
from pipeline.report.command import report_of_run
from tests.datasets.grouplens_files import write_grouplens_100k
from tests.pipeline.command_line import Workspace
from tests.pipeline.reported import (
    CHROMIUM,
    DARK,
    LIGHT,
    Runs,
    bar_values,
    embedded,
    look,
    newest,
    page_of,
    text_of,
)

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

UNSEEN, ALL = "unseen_top_100_accuracy", "top_100_accuracy"
NOTEBOOK = 0.2327
READ = {
    "PushedModel",
    "Model",
    "ModelRun",
    "ModelEvaluation",
    "ModelBlessing",
    "InfraBlessing",
    "Examples",
    "ExampleStatistics",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("report")
    workspace = Workspace(folder / "data", folder / "cache", folder / "output")
    other = folder / "other"
    write_grouplens_100k(workspace.data, users=60, movies=300, events=2500, seed=1)
    write_grouplens_100k(other, users=60, movies=280, events=2500, seed=2)
    finished = [
        workspace.run(),
        workspace.run("gate.min_top_100_accuracy=0.999", data=other),
    ]
    assert [run.code for run in finished] == [0, 3], [run.err for run in finished]
    return Runs(workspace, *finished)


@pytest.fixture(scope="module")
def page(runs: Runs) -> str:
    return page_of(runs.second)


@pytest.fixture(scope="module")
def figures(page: str) -> Any:
    return embedded(page, "figures")


def test_a_run_writes_its_report_and_records_it(runs: Runs) -> None:
    store = runs.workspace.store()
    recorded = store.get_artifacts_by_type("Report")
    for run, artifact in zip((runs.first, runs.second), recorded, strict=True):
        file = Path(run.report["report"])
        assert f"Report: {file}" in run.err
        assert file.parent == Path(artifact.uri)
        assert file.is_relative_to(runs.paths.artifacts)
        properties = artifact.custom_properties
        assert properties["files_sha256"].string_value == digest(artifact.uri).sha256
        [output] = store.get_events_by_artifact_ids([artifact.id])
        events = store.get_events_by_execution_ids([output.execution_id])
        inputs = [e.artifact_id for e in events if e.artifact_id != artifact.id]
        assert {found.type for found in store.get_artifacts_by_id(inputs)} == READ
        [execution] = store.get_executions_by_id([output.execution_id])
        assert (execution.type, execution.last_known_state) == ("Report", 3)
    versions = [artifact.custom_properties["version"].string_value for artifact in recorded]
    assert versions == [str(runs.first.report["version"]), ""]


def test_nothing_is_written_anew_where_nothing_changed(runs: Runs) -> None:
    file = Path(runs.second.report["report"])
    before = file.stat().st_mtime_ns
    assert report_of_run(runs.paths, 10) == file
    assert file.stat().st_mtime_ns == before
    assert len(runs.workspace.store().get_artifacts_by_type("Report")) == 2


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    without_plotly = re.sub(r"<script>/\*\*\n\* plotly.*?</script>", "", page, flags=re.DOTALL)
    assert len(without_plotly) < 1_000_000
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', without_plotly)
    assert "@import" not in without_plotly
    assert "default-src 'none'" in without_plotly


def test_the_verdict_comes_first(runs: Runs, page: str) -> None:
    for run in (runs.first, runs.second):
        text = text_of(page_of(run))
        verdict = run.report["verdict"].replace("_", " ")
        assert text.index(f"{verdict} {run.report['reason']}") < text.index("Metrics")
        for reason in run.report["reasons"]:
            mark = "passed" if reason["passed"] else "failed"
            assert f"{mark} {reason['sentence']}" in text


def test_metrics_beside_those_of_others(runs: Runs, page: str, figures: Any) -> None:
    report = runs.second.report
    titles = {"popularity": "popularity", "item_knn": "item-kNN", "implicit_als": "ALS"}
    for metric in (UNSEEN, ALL):
        bars = bar_values(figures[metric])
        assert bars.pop("this model") == report["metrics"][metric]
        assert bars.pop("blessed before") == report["baseline"][metric]
        for peer, title in titles.items():
            assert bars.pop(title) == report["peers"][peer][metric]
        assert (bars.pop("TFRS notebook", None) == NOTEBOOK) == (metric == ALL)
        whiskers = figures[metric]["data"][0]["error_x"]
        low, high = report["intervals"][metric]
        value = report["metrics"][metric]
        assert whiskers["array"][0] == pytest.approx(high - value)
        assert whiskers["arrayminus"][0] == pytest.approx(value - low)
        # Peers have intervals too.
        assert len(whiskers["array"]) == 6
    row = re.search(r"<td>unseen_mrr</td><td class=\"first\">(.*?)<small>±(.*?)</small>", page)
    assert row is not None
    assert row[1] == f"{report['metrics']['unseen_mrr']:.4f}"
    low, high = report["intervals"]["unseen_mrr"]
    assert row[2] == f"{(high - low) / 2:.4f}"


def test_slices(runs: Runs, figures: Any) -> None:
    for name, values in runs.second.report["slices"].items():
        figure = figures[f"slice-{name}"]
        assert bar_values(figure) == {value: metrics[UNSEEN] for value, metrics in values.items()}
        rows = {told[0]: told[2] for told in figure["data"][0]["customdata"]}
        for value, metrics in values.items():
            assert rows[value] == f"{metrics['example_count']:,.0f} rows"
    # The marks are those of the best peer.
    peers = runs.second.report["peers"]
    best = max(peers, key=lambda peer: peers[peer][UNSEEN])
    store = runs.workspace.store()
    [_, evaluation] = [
        artifact
        for artifact in store.get_artifacts_by_type("ModelEvaluation")
        if "peers" not in artifact.custom_properties
    ]
    of_peers = json.loads(evaluation.custom_properties["slices"].string_value)[best]
    bars, marks = figures["slice-user_gender"]["data"]
    labels = [told[0] for told in bars["customdata"]]
    assert marks["x"] == [of_peers["user_gender"][label][UNSEEN] for label in labels]


def test_the_training_curve(runs: Runs, figures: Any) -> None:
    folder = newest(Path(runs.paths.artifacts) / "Trainer" / "model_run")
    recorded = json.loads((folder / "training_curve.json").read_text())
    [loss] = figures["curve-loss"]["data"]
    assert (loss["x"], loss["y"]) == ([1, 2], recorded["loss"])
    valid = {trace["name"]: trace["y"] for trace in figures["curve-valid"]["data"]}
    assert valid["among unseen titles"] == recorded[f"valid_{UNSEEN}"]


def test_seconds_of_each_component(runs: Runs, figures: Any) -> None:
    seconds = bar_values(figures["durations"])
    components = runs.second.report["components"]
    assert set(seconds) == set(components) - {"BaselineModel"}
    for name, found in components.items():
        if not found["cached"] and name in seconds:
            assert seconds[name] == pytest.approx(found["seconds"], abs=1.5)
    [trace] = figures["durations"]["data"]
    colours = zip((told[0] for told in trace["customdata"]), trace["marker"]["color"], strict=True)
    grey = {name for name, colour in colours if colour == "#94a3b8"}
    assert grey == runs.second.cached == {"InteractionSchema", "CandidateSchema"}
    # What they took when they ran.
    earlier = bar_values(embedded(page_of(runs.first), "figures")["durations"])
    for name in grey:
        assert seconds[name] == earlier[name]


def test_users_and_what_they_get(runs: Runs, page: str) -> None:
    model = runs.model()
    train, held_out = runs.split("train"), runs.split("eval")
    articles = re.findall(r'<article class="person">(.*?)</article>', page, re.DOTALL)
    articles = [html.unescape(article) for article in articles]
    assert len(articles) == 10
    counts = []
    for article in articles:
        [user] = re.findall("<h3>User (.*?)</h3>", article)
        of_user = train[train.user_id == user.encode()].sort_values("timestamp", kind="stable")
        counts.append(len(of_user))
        assert f"{len(of_user):,} events in train" in article
        history = re.findall("<li>(.*?)</li>", article.split("Recommended")[0])
        known = {title.decode() for title in of_user.movie_title}
        assert set(history) <= known
        last = {
            title.decode()
            for title in of_user[of_user.timestamp == of_user.timestamp.max()].movie_title
        }
        assert history[0] in last
        listed = re.findall('<li( class="hit")?>(.*?)</li>', article.split("Recommended")[1])
        served = ask(model.signatures["serving_default"], {"user_id": [user]})["movie_title"][0]
        assert [title for _, title in listed] == [title.decode() for title in served[:10]]
        went_on = {t.decode() for t in held_out[held_out.user_id == user.encode()].movie_title}
        assert f"{len(went_on):,} titles held out" in article
        assert [bool(hit) for hit, _ in listed] == [title in went_on for _, title in listed]
        assert not known & {title for _, title in listed}
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_what_is_recommended(runs: Runs, figures: Any) -> None:
    report = runs.second.report
    for name, metric in (("coverage", "coverage_at_100"), ("popularity", "popularity_rank_at_100")):
        bars = bar_values(figures[f"served-{name}"])
        assert bars["this model"] == report["metrics"][metric]
        assert bars["ALS"] == report["peers"]["implicit_als"][metric]
    model = runs.model()
    users = sorted(set(runs.split("train").user_id))
    lists = ask(model.signatures["serving_default"], {"user_id": users})["movie_title"][:, :10]
    counts = np.sort(list(collections.Counter(lists.ravel().tolist()).values()))[::-1]
    served, train = figures["served-concentration"]["data"]
    catalogue = len(ask(model.signatures["indexed_candidates"], {})["movie_title"])
    counts = np.append(counts, np.zeros(catalogue - len(counts)))
    held = np.append(0, np.cumsum(counts)) / counts.sum()
    places = np.rint(np.array(served["x"]) * catalogue).astype(int)
    np.testing.assert_allclose(served["y"], held[places], atol=1e-4)
    assert (train["y"][0], train["y"][-1]) == (0, 1)


def test_drift_from_the_data_of_the_model_blessed_before(runs: Runs, page: str) -> None:
    rows = {
        name: (float(drift), measure)
        for name, drift, measure in re.findall(
            r"<tr><td>(\w+)</td>.*?<td>([\d.]+)<small>([\w-]+)</small></td></tr>",
            page[: page.index("Eval events, ")],
            re.DOTALL,
        )
    }
    new = runs.split("train")
    old = runs.split("train", which=min)
    shares = [frame.movie_title.value_counts(normalize=True) for frame in (new, old)]
    largest = shares[0].sub(shares[1], fill_value=0).abs().max()
    drift, measure = rows["movie_title"]
    assert measure == "L-infinity"
    assert drift == pytest.approx(largest, abs=1e-4)
    # Whole numbers from 1 to 5: each has a bucket of its own in the histograms of both.
    p, q = (frame.user_rating.value_counts(normalize=True).sort_index() for frame in (new, old))
    m = (p + q) / 2
    divergence = ((p * np.log2(p / m)).sum() + (q * np.log2(q / m)).sum()) / 2
    assert divergence > 1e-4
    drift, measure = rows["user_rating"]
    assert measure == "Jensen-Shannon"
    assert drift == pytest.approx(divergence, abs=1e-4)
    first = text_of(page_of(runs.first))
    assert "There is no earlier blessed model whose data these could be compared with" in first


def test_the_lineage_is_drawn(runs: Runs, page: str) -> None:
    nodes = embedded(page, "nodes")
    drawn = set(re.findall(r'data-node="(\w+)"', page))
    assert drawn == set(nodes)
    executions = {facts["component"] for facts in nodes.values() if "component" in facts}
    assert executions == set(runs.second.report["components"]) - {"BaselineModel"}
    artifacts = {artifact.id: artifact for artifact in runs.workspace.store().get_artifacts()}
    for name, facts in nodes.items():
        if name.startswith("a"):
            artifact = artifacts[int(facts["artifact"])]
            assert (facts["type"], facts["path"]) == (artifact.type, artifact.uri)
    dashed = re.findall(r'class="node baseline" id="node-a(\d+)"', page)
    assert [artifacts[int(found)].type for found in dashed] == ["Model"]


def test_the_model_card(runs: Runs, page: str) -> None:
    card = text_of(page[page.index('id="card"') :])
    headings = (
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    )
    places = [card.index(heading) for heading in headings]
    assert places == sorted(places)
    for name in ("user_gender", "bucketized_user_age", "user_occupation_label"):
        for value, metrics in runs.second.report["slices"][name].items():
            feature = name.replace("_", " ")
            rows = f"{metrics['example_count']:,.0f}"
            assert f"{feature} {value} {rows} {metrics[UNSEEN]:.4f}" in card
    assert "may not be redistributed" in card
    assert "shows ids and histories of 10 users" in card
    assert f"{len(runs.split('train')):,} train events of 60 users" in card


def test_a_report_is_made_again(runs: Runs, tmp_path: Path) -> None:
    store = runs.workspace.store()
    version = str(runs.first.report["version"])
    file = Path(runs.first.report["report"])
    before = len(store.get_artifacts())
    done = runs.report(version, "--users", "3")
    assert (done.code, done.err, done.out) == (0, "", f"{file}\n")
    assert file.read_text("utf-8").count('class="person"') == 3
    assert len(store.get_artifacts()) == before
    [artifact] = store.get_artifacts_by_uri(str(file.parent))
    assert artifact.custom_properties["files_sha256"].string_value == digest(artifact.uri).sha256
    assert len(store.get_executions_by_type("Report")) == 3

    # A model that was not pushed has an id.
    folder = newest(Path(runs.paths.artifacts) / "Trainer" / "model")
    [model] = store.get_artifacts_by_uri(str(folder))
    out = tmp_path / "page.html"
    done = runs.report(str(model.id), "--out", str(out), "--users", "0")
    assert (done.code, done.err) == (0, "")
    page = out.read_text("utf-8")
    assert f"model {model.id}, not pushed" in text_of(page)
    assert 'class="person"' not in page
    assert "This page shows no user" in text_of(page)
    assert len(store.get_executions_by_type("Report")) == 3


def test_two_models_beside_each_other(runs: Runs) -> None:
    [second] = runs.workspace.store().get_artifacts_by_uri(
        str(newest(Path(runs.paths.artifacts) / "Trainer" / "model"))
    )
    names = [str(runs.first.report["version"]), str(second.id)]
    done = runs.report("--compare", *names)
    assert (done.code, done.err) == (0, "")
    page = Path(done.out.strip()).read_text("utf-8")
    figures = embedded(page, "figures")
    for metric in (UNSEEN, ALL):
        bars = bar_values(figures[metric])
        assert bars[f"version {names[0]}"] == runs.first.report["metrics"][metric]
        assert bars[f"model {names[1]}"] == runs.second.report["metrics"][metric]
    text = text_of(page)
    assert "source_sha256" in text
    assert "They were evaluated on different rows" in text
    assert "learning_rate" not in text


def test_the_metrics_of_every_run(runs: Runs) -> None:
    done = runs.report("--history")
    assert (done.code, done.err) == (0, "")
    page = Path(done.out.strip()).read_text("utf-8")
    traces = embedded(page, "figures")["history"]["data"]
    reports = [run.report for run in (runs.first, runs.second)]
    assert traces[0]["y"] == [report["metrics"][UNSEEN] for report in reports]
    rows = re.findall(r"<tr><td>(\d)</td>.*?</tr>", page)
    assert rows == ["2", "1"]
    assert "not blessed" in text_of(page)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["17000"], 1, "17000 is neither a pushed version nor the id of an artifact"),
        (["1"], 1, "1 is Schema 1, not a model that a run has judged"),
        (["1", "--history"], 2, "one of VERSION, --compare and --history"),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(
    runs: Runs, arguments: list[str], code: int, sentence: str
) -> None:
    done = runs.report(*arguments)
    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1


def test_no_run_yet(runs: Runs, tmp_path: Path) -> None:
    other = dataclasses.replace(
        runs, workspace=dataclasses.replace(runs.workspace, output=tmp_path)
    )
    done = other.report()
    assert (done.code, done.out) == (1, "")
    assert "run the pipeline first" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed")
@pytest.mark.parametrize(("width", "scheme"), [(1280, LIGHT), (400, DARK)])
def test_the_page_in_a_browser(runs: Runs, tmp_path: Path, width: int, scheme: int) -> None:
    page = Path(runs.second.report["report"])
    seen = look(page, tmp_path, width, scheme)
    assert seen["width"] == width
    assert seen["needed"] <= width, "the page is wider than its window"
    assert seen["wide"] == []
    figures = embedded(page.read_text("utf-8"), "figures")
    assert seen["marks"].keys() == figures.keys()
    for name, figure in figures.items():
        expected = sum(
            len(trace["x"]) if trace["type"] == "bar" or "markers" in trace["mode"] else 0
            for trace in figure["data"]
        ) + sum("lines" in trace.get("mode", "") for trace in figure["data"])
        assert seen["marks"][name] == expected, name
    nodes = embedded(page.read_text("utf-8"), "nodes")
    assert seen["facts"][:2] == ["execution", seen["facts"][1]]
    picked = nodes[f"e{seen['facts'][1]}"]
    shown = dict(zip(seen["facts"][::2], seen["facts"][1::2], strict=True))
    assert shown == {name: value for name, value in picked.items() if value}
    assert shown["component"] == seen["picked"]
    if scheme == DARK:
        assert seen["brightness"] < 50
        assert min(seen["ink"]) > 200
    else:
        assert seen["brightness"] > 230
        assert max(seen["ink"]) < 80
