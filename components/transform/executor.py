"""Runs TFX's Transform over interactions and catalogue together."""

from __future__ import annotations

from typing import Any

from tfx.components.transform import executor as tfx_executor
from tfx.types import standard_component_specs

from components.examples.artifacts import CANDIDATES


class Executor(tfx_executor.Executor):
    """Executor of `components.transform.component.RetrievalTransform`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Analyses the train split together with the catalogue.

        So every candidate enters the vocabulary, rated in train or not.
        """
        examples = standard_component_specs.EXAMPLES_KEY
        both = {**input_dict, examples: input_dict[examples] + input_dict[CANDIDATES]}
        super().Do(both, output_dict, exec_properties)
