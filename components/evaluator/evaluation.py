"""Scores models on the eval split with TFMA: the same rows, views and slices for all of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.datasets.definition import DatasetDefinition
from components.evaluator import metrics
from components.evaluator.catalogue import Catalogue
from components.evaluator.extractors import read_columns, slice_extractors
from components.evaluator.index_check import check_index
from components.evaluator.results import ModelMetrics, read_results
from components.evaluator.served_lists import ServedModel
from components.evaluator.slices import RowSlicer
from components.example_gen.splits import SplitSpec
from components.examples.artifacts import SPLIT
from components.serving import interface
from components.serving.loading import load

EVAL_SPLIT = "eval"


def evaluate(
    pipeline: beam.Pipeline,
    examples: Any,
    candidates: Any,
    models: Mapping[str, Any],
    baseline: str | None,
    slices: Sequence[str],
    definition: DatasetDefinition,
    output_uri: str,
) -> dict[str, ModelMetrics]:
    """Evaluates models together.

    Args:
        pipeline: A Beam pipeline that has not run yet.
        examples: Examples artifact of the interactions; train is counted, eval is ranked.
        candidates: Examples artifact of the catalogue.
        models: Model artifacts by name.
        baseline: Name of the one over which the first gains, or None.
        slices: What to slice by, some of `slice_names.slice_names`.
        definition: The dataset's definition.
        output_uri: Where TFMA writes.

    Returns:
        Metrics of each model by its name.
    """
    names = list(models)
    eval_config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                name=name,
                # Named, because TFMA would load each model as a Keras model to find out.
                model_type=tfma.TF_GENERIC,
                signature_name=interface.EVALUATION_SIGNATURE,
                is_baseline=name == baseline,
            )
            for name in names
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[name]) for name in slices),
        ],
        metrics_specs=metrics.metrics_specs(names, names[0] if baseline else None),
    )
    folders = {name: _saved_model_path(artifact.uri) for name, artifact in models.items()}
    shared_models = [_shared_model(name, folder) for name, folder in folders.items()]
    served_models = {name: ServedModel.read(folder) for name, folder in folders.items()}
    catalogue = Catalogue.read(examples.uri, candidates.uri, definition)
    spec = SplitSpec.from_json(examples.get_string_custom_property(SPLIT))
    rolling = spec.history == "rolling"
    slicer = RowSlicer(slices, catalogue, definition)
    # Not through TFXIO: its flattening of files makes Beam's runner hold all rows at once.
    rows = beam.io.ReadFromParquetBatched(
        io_utils.all_files_pattern(artifact_utils.get_split_uri([examples], EVAL_SPLIT)),
        columns=[*read_columns(definition), *slicer.columns()],
    )
    try:
        with pipeline:
            _ = (
                pipeline
                | "ReadExamples" >> rows
                | "ToRecordBatch" >> beam.Map(_to_record_batch)
                | "Evaluate"
                >> tfma.ExtractEvaluateAndWriteResults(
                    eval_config=eval_config,
                    eval_shared_model=shared_models,
                    extractors=slice_extractors(
                        eval_config,
                        shared_models,
                        slicer,
                        rolling,
                        served_models,
                        catalogue,
                        definition,
                    ),
                    writers=_writers(eval_config, shared_models, output_uri),
                )
            )
        measured = read_results(output_uri, names)
        for name, shared_model in zip(names, shared_models, strict=True):
            model = shared_model.model_loader.load()
            measured[name].metrics |= check_index(model, catalogue, definition)
        return measured
    finally:
        _load.cache_clear()


def _to_record_batch(row_group: pa.Table) -> pa.RecordBatch:
    [batch] = row_group.combine_chunks().to_batches()
    return batch


def _writers(
    eval_config: tfma.EvalConfig, models: list[tfma.EvalSharedModel], output_uri: str
) -> list[tfma.writers.Writer]:
    """The config and the metrics; empty plots, attributions and validations take as long again."""
    return [
        tfma.writers.EvalConfigWriter(
            output_uri,
            eval_config=eval_config,
            model_locations={model.model_name: model.model_path for model in models},
        ),
        tfma.writers.MetricsPlotsAndValidationsWriter(
            output_paths={
                tfma.METRICS_KEY: os.path.join(output_uri, tfma.METRICS_KEY),
            },
            eval_config=eval_config,
            output_file_format="tfrecord",
        ),
    ]


def _saved_model_path(uri: str) -> str:
    """Where the SavedModel of a Model artifact is: an imported one is a SavedModel itself."""
    is_itself = fileio.exists(os.path.join(uri, tf.saved_model.SAVED_MODEL_FILENAME_PB))
    return uri if is_itself else str(path_utils.serving_model_path(uri))


def _shared_model(name: str, path: str) -> tfma.EvalSharedModel:
    return tfma.EvalSharedModel(
        model_path=path,
        model_name=name,
        model_type=tfma.TF_GENERIC,
        model_loader=tfma.types.ModelLoader(construct_fn=functools.partial(_load, path)),
    )


@functools.cache
def _load(path: str) -> Any:
    """Loads a model once per process; TFMA's own loader forgets it between two stages."""
    return load(path)
