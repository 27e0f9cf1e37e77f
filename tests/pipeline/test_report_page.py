"""Parts of a report that need no run: the layout of the lineage, and what is escaped."""

from __future__ import annotations

import itertools

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import charts
from pipeline.report.charts import Bar
from pipeline.report.layout import NODE_HEIGHT, NODE_WIDTH, lay_out
from pipeline.report.page import render
from tests.pipeline.reported import embedded

_HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@st.composite
def _graphs(draw: st.DrawFn) -> nx.DiGraph:
    """Graphs without cycles, every node of which is an end of some edge."""
    count = draw(st.integers(2, 14))
    pairs = [(start, end) for end in range(count) for start in range(end)]
    edges = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=30, unique=True))
    graph = nx.DiGraph()
    for start, end in edges:
        graph.add_edge(f"n{start}", f"n{end}", kind="input")
    return graph


@given(_graphs())
def test_boxes_do_not_overlap_and_lines_connect_them_downwards(graph: nx.DiGraph) -> None:
    layout = lay_out(graph)
    assert set(graph) <= set(layout.places)
    for one, other in itertools.combinations(graph, 2):
        (x1, y1), (x2, y2) = layout.places[one], layout.places[other]
        assert abs(x1 - x2) >= NODE_WIDTH or abs(y1 - y2) >= NODE_HEIGHT
    for x, y in (layout.places[node] for node in graph):
        assert 0 <= x <= layout.width - NODE_WIDTH
        assert 0 <= y <= layout.height - NODE_HEIGHT
    # Every edge can be followed from place to place, whichever of the paths drew its parts.
    drawn = {pair for path, _ in layout.paths for pair in itertools.pairwise(path)}
    followed = nx.DiGraph(drawn)
    for start, end in graph.edges:
        between = [node for node in followed if node in (start, end) or node.startswith(":")]
        assert nx.has_path(followed.subgraph(between), start, end)
    for start, end in drawn:
        assert layout.bottom(start)[1] < layout.top(end)[1]
    # A line passes beside the boxes, not through them.
    for name, (x, y) in layout.places.items():
        if name not in graph:
            beside = [left for node in graph for left, top in [layout.places[node]] if top == y]
            assert all(x + 1 <= left or x >= left + NODE_WIDTH for left in beside)


def test_texts_of_the_data_stay_texts() -> None:
    chart = charts.bars(_HOSTILE, _HOSTILE, [Bar(_HOSTILE, 0.5)])
    page = render(
        "history.html", [chart], chart_of_runs=chart, models=[], columns=[], path=_HOSTILE
    )
    assert "<img" not in page
    assert "<script>alert" not in page
    [trace] = embedded(page, "figures")[_HOSTILE]["data"]
    assert trace["customdata"][0][0].startswith("&lt;/script&gt;")
