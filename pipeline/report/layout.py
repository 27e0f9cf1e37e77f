"""Lays a graph out in layers, with lines that pass between the boxes (Sugiyama et al. 1981).

What goes from one node over several layers shares one line, which branches where it arrives.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable

import networkx as nx

NODE_WIDTH, NODE_HEIGHT = 136, 34
_LINE_WIDTH = 10
_GAP_X, _GAP_Y = 14, 26
_SWEEPS = 12


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels.

    Attributes:
        width: Of the whole.
        height: Of the whole.
        places: Left and upper edge of each node, and of the places that lines pass through.
        paths: The nodes that each line passes through, from its first to its last, and its kind.
    """

    width: int
    height: int
    places: dict[str, tuple[float, float]]
    paths: list[tuple[list[str], str]]

    def top(self, node: str) -> tuple[float, float]:
        """Where lines arrive."""
        x, y = self.places[node]
        return x + _width(node) / 2, y

    def bottom(self, node: str) -> tuple[float, float]:
        """Where lines leave."""
        x, y = self.places[node]
        return x + _width(node) / 2, y + NODE_HEIGHT


def lay_out(graph: nx.DiGraph) -> Layout:
    """Places the nodes of a graph without cycles.

    Args:
        graph: Its edges have a `kind`. No name of a node begins with a colon.
    """
    layer_of = _layers(graph)
    proper = nx.DiGraph()
    proper.add_nodes_from(graph)
    paths = []
    for start, end, kind in graph.edges(data="kind"):
        between = [f":{start}:{layer}" for layer in range(layer_of[start] + 1, layer_of[end])]
        layer_of |= {node: int(node.rpartition(":")[2]) for node in between}
        path = [start, *between, end]
        paths.append((path, str(kind)))
        nx.add_path(proper, path)
    layers: list[list[str]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for node in sorted(proper):
        layers[layer_of[node]].append(node)
    _untangle(proper, layers)
    centres = {node: x for layer in layers for node, x in _centres(layer).items()}
    left = min(centres[node] - _width(node) / 2 for node in centres)
    right = max(centres[node] + _width(node) / 2 for node in centres)
    places = {
        node: (
            round(centres[node] - _width(node) / 2 - left + 1, 1),
            layer_of[node] * (NODE_HEIGHT + _GAP_Y) + 1.0,
        )
        for node in centres
    }
    height = len(layers) * (NODE_HEIGHT + _GAP_Y) - _GAP_Y + 2
    return Layout(round(right - left) + 2, height, places, _without_repetition(paths))


def _layers(graph: nx.DiGraph) -> dict[str, int]:
    """As early as possible; what comes from no other source, just before it is used."""
    generations = enumerate(nx.topological_generations(graph))
    found = {node: place for place, generation in generations for node in generation}
    for node in reversed(list(nx.topological_sort(graph))):
        later = [found[other] for other in graph.successors(node)]
        if later and all(graph.in_degree(source) == 0 for source in nx.ancestors(graph, node)):
            found[node] = min(later) - 1
    return found


def _untangle(graph: nx.DiGraph, layers: list[list[str]]) -> None:
    """Orders each layer by where the neighbours in the layer before are, and back again."""
    centres = {node: x for layer in layers for node, x in _centres(layer).items()}
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = graph.predecessors if down else graph.successors
        for layer in layers if down else reversed(layers):
            wanted = {node: _mean(centres, neighbours(node), centres[node]) for node in layer}
            layer.sort(key=lambda node: (wanted[node], node))
            centres |= _centres(layer)


def _centres(layer: list[str]) -> dict[str, float]:
    """Middle of each node of a layer, 0 being the middle of the layer."""
    ends = list(itertools.accumulate((_width(node) + _GAP_X for node in layer), initial=0.0))
    middle = (ends[-1] - _GAP_X) / 2
    return {
        node: end + _width(node) / 2 - middle for node, end in zip(layer, ends[:-1], strict=True)
    }


def _mean(centres: dict[str, float], nodes: Iterable[str], otherwise: float) -> float:
    found = [centres[node] for node in nodes]
    return sum(found) / len(found) if found else otherwise


def _without_repetition(paths: list[tuple[list[str], str]]) -> list[tuple[list[str], str]]:
    """The paths, each from where it leaves those before it."""
    drawn: set[tuple[str, str]] = set()
    kept = []
    for path, kind in paths:
        pairs = list(itertools.pairwise(path))
        shared = next(place for place, pair in enumerate(pairs) if pair not in drawn)
        drawn |= set(pairs)
        kept.append((path[shared:], kind))
    return kept


def _width(node: str) -> int:
    return _LINE_WIDTH if node.startswith(":") else NODE_WIDTH
