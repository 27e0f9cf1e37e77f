"""The TFMA extractors: Arrow batches to serialized examples, through the model, to statistics."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import slice_key_extractor
from tfx_bsl.coders import example_coder

from components.evaluator.metrics import STATISTICS
from components.evaluator.rank_statistics import RankStatistics
from components.trainer import export


def rank_extractors(
    eval_config: tfma.EvalConfig, models: list[Any], columns: list[str]
) -> list[Any]:
    """Extractors that leave one element per batch, with each model's `RankStatistics`.

    Args:
        eval_config: Names the models and their evaluation signature.
        models: TFMA's shared models.
        columns: The columns that the evaluation signature reads.
    """
    return [
        tfma.extractors.Extractor(
            stage_name="SerializeExamples",
            ptransform=beam.Map(serialize, columns),
        ),
        tfma.extractors.PredictionsExtractor(eval_config=eval_config, eval_shared_model=models),
        tfma.extractors.Extractor(
            # Takes the place of the stage after which TFMA's evaluators run.
            stage_name=slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME,
            ptransform=beam.Map(_to_statistics, [spec.name for spec in eval_config.model_specs]),
        ),
    ]


def serialize(extracts: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    """Replaces a batch of extracts' Arrow batch by serialized tf.Examples of some columns."""
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    arrays = [batch.column(batch.schema.get_field_index(name)) for name in columns]
    encoder = example_coder.RecordBatchToExamplesEncoder()
    encoded = encoder.encode(pa.RecordBatch.from_arrays(arrays, names=columns))
    return {
        tfma.INPUT_KEY: np.array(encoded, dtype=object),
        tfma.FEATURES_KEY: {},
    }


def _to_statistics(extracts: dict[str, Any], model_names: list[str]) -> dict[str, Any]:
    predictions = extracts[tfma.PREDICTIONS_KEY]
    if len(model_names) == 1:
        predictions = {model_names[0]: predictions}
    return {
        STATISTICS: {
            # TFMA calls the only model of an evaluation "".
            "" if len(model_names) == 1 else name: RankStatistics.of_rows(
                rank=outputs[export.RANK],
                unseen_rank=outputs[export.UNSEEN_RANK],
                usable=outputs[export.USABLE],
            )
            for name, outputs in predictions.items()
        },
        tfma.SLICE_KEY_TYPES_KEY: [()],
    }
