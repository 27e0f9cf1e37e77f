"""The TFMA extractors: Arrow batches through the models to one element per slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import slice_key_extractor
from tensorflow_model_analysis.utils import model_util
from tfx_bsl.coders import example_coder

from components.datasets.definition import DatasetDefinition
from components.evaluator.catalogue import Catalogue
from components.evaluator.metrics import LIST_STATISTICS, ROW_STATISTICS
from components.evaluator.rank_statistics import (
    GAIN,
    INDEX_RECALL,
    POPULARITY_RANK,
    ROWS_IN_TRAIN,
    ROWS_SERVED_DIFFERENTLY,
    UNSEEN_TOP_100,
    UNUSABLE_ROWS,
    ListStatistics,
    RankStatistics,
    rank_values,
)
from components.evaluator.served_lists import ServedLists, ServedModel
from components.evaluator.slices import OVERALL, RowSlicer, SliceKey
from components.examples import parquet
from components.examples.columns import HISTORY, HISTORY_TIMES, SEEN_CANDIDATES
from components.serving import interface

BatchStatistics = dict[str, tuple[RankStatistics, ListStatistics]]


def read_columns(definition: DatasetDefinition) -> list[str]:
    """The columns that the evaluation signature may read."""
    return [
        definition.query_id,
        definition.candidate_key,
        definition.event_time,
        *definition.context_features(),
        *(HISTORY, HISTORY_TIMES, SEEN_CANDIDATES),
    ]


def slice_extractors(
    eval_config: tfma.EvalConfig,
    models: list[tfma.EvalSharedModel],
    slicer: RowSlicer,
    rolling: bool,
    served_models: dict[str, ServedModel],
    catalogue: Catalogue,
    definition: DatasetDefinition,
) -> list[tfma.extractors.Extractor]:
    """Extractors that leave one element per slice, with the statistics of each model.

    Args:
        eval_config: Names the models, their evaluation signature and the baseline.
        models: TFMA's shared models.
        slicer: Assigns rows to slices.
        rolling: Whether histories are rolling.
        served_models: How each model has to be asked, by name.
        catalogue: The catalogue.
        definition: The dataset's definition.
    """
    loaders = {
        spec.name: model.model_loader
        for spec, model in zip(eval_config.model_specs, models, strict=True)
    }
    baselines = [spec.name for spec in eval_config.model_specs if spec.is_baseline]
    summarize = SummarizeBatch(
        loaders, baselines, slicer, rolling, served_models, catalogue, definition
    )
    return [
        tfma.extractors.Extractor(
            stage_name="SerializeExamples",
            ptransform=beam.Map(serialize, read_columns(definition)),
        ),
        tfma.extractors.PredictionsExtractor(eval_config=eval_config, eval_shared_model=models),
        tfma.extractors.Extractor(
            # Takes the place of the stage after which TFMA's evaluators run.
            stage_name=slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME,
            ptransform=_SummarizeSlices(summarize),
        ),
    ]


def serialize(extracts: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    """Adds the serialized tf.Examples of some columns of a batch of extracts."""
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    encoder = example_coder.RecordBatchToExamplesEncoder()
    encoded = encoder.encode(parquet.select(batch, columns))
    return {
        tfma.ARROW_RECORD_BATCH_KEY: batch,
        tfma.INPUT_KEY: np.array(encoded, dtype=object),
        tfma.FEATURES_KEY: {},
    }


class SummarizeBatch(model_util.DoFnWithModels):  # type: ignore[misc]
    """Maps a batch with its predictions to (slice, statistics by model) pairs.

    Args:
        model_loaders: TFMA's loader of each model, by name.
        baselines: Names of the baseline, over which all others gain; at most one.
        slicer: Assigns rows to slices.
        rolling: Whether histories are rolling.
        served_models: How each model has to be asked, by name.
        catalogue: The catalogue.
        definition: The dataset's definition.
    """

    def __init__(
        self,
        model_loaders: dict[str, Any],
        baselines: list[str],
        slicer: RowSlicer,
        rolling: bool,
        served_models: dict[str, ServedModel],
        catalogue: Catalogue,
        definition: DatasetDefinition,
    ) -> None:
        super().__init__(model_loaders)
        self._names = list(model_loaders)
        self._baselines = baselines
        self._slicer = slicer
        self._rolling = rolling
        self._served_models = served_models
        self._catalogue = catalogue
        self._definition = definition
        self._popularity_ranks = catalogue.popularity_ranks()

    def process(self, extracts: dict[str, Any]) -> Iterator[tuple[SliceKey, BatchStatistics]]:
        """Yields the statistics of the whole batch, then those of each slice it has rows of."""
        batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
        definition = self._definition
        queries = parquet.column(batch, definition.query_id).flatten()
        keys = parquet.column(batch, definition.candidate_key).flatten()
        numbers = self._catalogue.numbers_of_keys(keys)
        predictions = extracts[tfma.PREDICTIONS_KEY]
        if len(self._names) == 1:
            predictions = {self._names[0]: predictions}
        row_values, counted, overall = {}, {}, {}
        for name in self._names:
            row_values[name], counted[name], overall[name] = self._rows(
                name, predictions[name], batch, numbers
            )
        for baseline in self._baselines:
            for name in set(self._names) - {baseline}:
                row_values[name][GAIN] = (
                    row_values[name][UNSEEN_TOP_100] - row_values[baseline][UNSEEN_TOP_100]
                )
        slices = [(OVERALL, np.arange(len(numbers)))]
        slices += self._slicer.slices(batch, queries, numbers)
        of_slices = {
            name: RankStatistics.of_slices(
                row_values[name], counted[name], (rows for _, rows in slices)
            )
            for name in self._names
        }
        for key, _ in slices:
            yield (
                key,
                {
                    name: (
                        next(of_slices[name]),
                        overall[name] if key == OVERALL else ListStatistics(),
                    )
                    for name in self._names
                },
            )

    def _rows(
        self, name: str, outputs: dict[str, np.ndarray], batch: pa.RecordBatch, numbers: np.ndarray
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], ListStatistics]:
        """Row metrics, counted rows and list statistics of one model."""
        # Which rows are one request is the model's own word; the comparison holds it to that.
        _, first, request = np.unique(
            outputs[interface.REQUEST], return_index=True, return_inverse=True
        )
        model = self._served_models[name]

        def ask(exact: bool) -> ServedLists:
            return ServedLists.ask(
                self._loaded_models[name],
                batch.take(pa.array(first)),
                self._rolling or not model.knows_events,
                exact,
                self._catalogue,
                self._definition,
            )

        served = exact = ask(exact=True)
        if not model.is_exact:
            served = ask(exact=False)
        usable = outputs[interface.USABLE].astype(bool)
        rank, unseen_rank = outputs[interface.RANK], outputs[interface.UNSEEN_RANK]
        norm = outputs[interface.QUERY_NORM]
        norm_is_usable = np.isfinite(norm) & (norm > 0)
        row_values = rank_values(rank, unseen_rank, outputs[interface.RETURNING_RANK])
        row_values[INDEX_RECALL] = served.recall(exact)[request]
        row_values[POPULARITY_RANK] = self._mean_popularity_rank(served)[request]
        counted = {
            UNUSABLE_ROWS: ~(usable & norm_is_usable),
            ROWS_IN_TRAIN: outputs[interface.IN_TRAIN].astype(bool),
            ROWS_SERVED_DIFFERENTLY: usable & exact.differ(request, numbers, unseen_rank),
        }
        lists = ListStatistics.of_rows(served.numbers, outputs[interface.TOP], len(self._catalogue))
        return row_values, counted, lists

    def _mean_popularity_rank(self, served: ServedLists) -> np.ndarray:
        """Mean popularity rank of what each request is served [D], float64."""
        known = served.numbers >= 0
        ranks = np.where(known, self._popularity_ranks[np.maximum(served.numbers, 0)], 0)
        return np.asarray(ranks.sum(axis=1) / np.maximum(known.sum(axis=1), 1))


class _SummarizeSlices(beam.PTransform):  # type: ignore[misc]
    """One element per slice, however many batches had rows of it."""

    def __init__(self, summarize: SummarizeBatch) -> None:
        super().__init__()
        self._summarize = summarize

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        return (
            extracts
            | "SummarizeBatch" >> beam.ParDo(self._summarize)
            | "SumSlices" >> beam.CombinePerKey(_add_all)
            | "ToExtracts" >> beam.Map(_to_extracts)
        )


def _add_all(parts: Iterable[BatchStatistics]) -> BatchStatistics:
    added: BatchStatistics = {}
    for part in parts:
        for name, (rows, lists) in part.items():
            if name in added:
                rows, lists = added[name][0] + rows, added[name][1] + lists
            added[name] = (rows, lists)
    return added


def _to_extracts(element: tuple[SliceKey, BatchStatistics]) -> dict[str, Any]:
    key, statistics = element
    # TFMA calls the only model of an evaluation "".
    names = {name: "" if len(statistics) == 1 else name for name in statistics}
    return {
        ROW_STATISTICS: {names[name]: rows for name, (rows, _) in statistics.items()},
        LIST_STATISTICS: {names[name]: lists for name, (_, lists) in statistics.items()},
        tfma.SLICE_KEY_TYPES_KEY: [key],
    }
