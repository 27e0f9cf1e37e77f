"""Runs TFX's Transform over interactions and catalogue together."""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow_transform as tft
from tfx.components.transform import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs

from components.examples.artifacts import CANDIDATES
from components.provenance.names import VOCABULARIES
from components.provenance.recording import recorded


class Executor(tfx_executor.Executor):
    """Executor of `components.transform.component.RetrievalTransform`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Analyses the train split together with the catalogue; records the vocabularies' sizes.

        So every candidate enters the vocabulary, rated in train or not.
        """
        examples = standard_component_specs.EXAMPLES_KEY
        both = {**input_dict, examples: input_dict[examples] + input_dict[CANDIDATES]}
        super().Do(both, output_dict, exec_properties)
        transform_graph = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
        )
        sizes = json.dumps(_vocabulary_sizes(transform_graph.uri))
        transform_graph.set_string_custom_property(VOCABULARIES, sizes)


def _vocabulary_sizes(transform_graph: str) -> dict[str, int]:
    """Number of terms of each vocabulary, by name."""
    output = tft.TFTransformOutput(transform_graph)
    names = fileio.listdir(os.path.join(output.transform_savedmodel_dir, "assets"))
    return {name: int(output.vocabulary_size_by_name(name)) for name in sorted(names)}
