"""Runs ExampleGen: resolves the source, ingests it with Beam, describes what came out."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
from absl import logging
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from components import files
from components.datasets.errors import DataError
from components.datasets.layouts import open_dataset
from components.datasets.raw import EventBlock
from components.datasets.sources import ResolvedSource, resolve_source
from components.example_gen import ingest, splits
from components.example_gen.catalogue import Catalogue
from components.example_gen.collected import CollectedResults
from components.examples import parquet
from components.examples.artifacts import CANDIDATES, CANDIDATES_SPLIT, SPLIT
from components.provenance.recording import recorded

EXAMPLES = "examples"

_BYTES_PER_EVENT = 20


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `components.example_gen.component.RetrievalExampleGen`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the Examples artifacts `examples` (train, valid, eval) and `candidates`.

        Raises:
            DataError: The source cannot be had, or is not usable as it is.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES])
        candidates = artifact_utils.get_single_instance(output_dict[CANDIDATES])
        spec = splits.SplitSpec.from_json(exec_properties["split"])

        source = resolve_source(
            exec_properties["source"], Path(exec_properties["cache"]), logging.info
        )
        raw = open_dataset(source.folder)
        rows = raw.read_candidates()
        tables = ingest.Tables(
            raw=raw,
            catalogue=Catalogue.from_rows(rows, raw.definition),
            queries=raw.read_queries(),
        )
        counts = self._ingest(tables, spec, examples.uri)
        _require_rows(counts, spec)

        parquet.write_shard(
            ingest.candidate_examples(tables),
            parquet.split_folder(candidates.uri, CANDIDATES_SPLIT),
            shard=0,
            shards=1,
        )
        parquet.describe_artifact(examples, splits.SPLIT_NAMES)
        parquet.describe_artifact(candidates, [CANDIDATES_SPLIT])
        examples.set_string_custom_property(SPLIT, spec.to_json())
        _describe(examples, source, raw.layout, counts)
        _describe(
            candidates,
            source,
            raw.layout,
            {"rows": len(tables.catalogue.candidates), "shared_keys": tables.catalogue.shared_keys},
        )

    def _ingest(
        self, tables: ingest.Tables, spec: splits.SplitSpec, examples_uri: str
    ) -> collections.Counter[str]:
        blocks = tables.raw.event_blocks()
        event_bytes = sum(block.stop - block.start for block in blocks)
        rows_per_shard = ingest.rows_per_shard(spec.history_length)
        shards = max(1, round(event_bytes / (_BYTES_PER_EVENT * rows_per_shard)))
        bounds = None
        if spec.method == "temporal":
            bounds = self._time_bounds(tables, blocks, spec, examples_uri)

        def sum_of_shards(batches: beam.PCollection) -> beam.PCollection:
            return (
                batches
                | "DealIntoShards"
                >> beam.ParDo(ingest.DealIntoShards(tables.definition.query_id, shards))
                | "GroupShards" >> beam.GroupByKey()
                | "WriteShard"
                >> beam.ParDo(ingest.WriteShard(tables, spec, bounds, shards, examples_uri))
                | "SumCounts" >> beam.CombineGlobally(ingest.sum_counts)
            )

        return self._run_over_events(tables, blocks, examples_uri, sum_of_shards)

    def _time_bounds(
        self,
        tables: ingest.Tables,
        blocks: list[EventBlock],
        spec: splits.SplitSpec,
        examples_uri: str,
    ) -> splits.TimeBounds:
        def count_times(batches: beam.PCollection) -> beam.PCollection:
            return (
                batches
                | "CountTimes" >> beam.ParDo(ingest.CountTimes(tables.definition.event_time))
                | "MergeTimes" >> beam.CombineGlobally(ingest.merge_time_counts)
            )

        times, counts = self._run_over_events(tables, blocks, examples_uri, count_times)
        return splits.temporal_bounds(times, counts, spec)

    def _run_over_events(
        self,
        tables: ingest.Tables,
        blocks: list[EventBlock],
        examples_uri: str,
        reduce: Callable[[beam.PCollection], beam.PCollection],
    ) -> Any:
        """Runs a Beam pipeline over the batches of all events and returns its one result.

        Raises:
            DataError: The first bad input that the pipeline met.
        """
        folder = os.path.join(examples_uri, "results")
        results = CollectedResults(folder)
        try:
            tables = _for_workers(tables, blocks, folder)
            with self._make_beam_pipeline() as pipeline:
                read = (
                    pipeline
                    | "EventBlocks" >> beam.Create(blocks)
                    | "Spread" >> beam.Reshuffle()
                    | "ReadBlock"
                    >> beam.ParDo(ingest.ReadBlock(tables)).with_outputs(
                        ingest.ERRORS, main="batches"
                    )
                )
                results.keep_errors(read[ingest.ERRORS])
                results.keep("result", reduce(read.batches))
            return results.load()["result"]
        finally:
            results.discard()


def _for_workers(tables: ingest.Tables, blocks: list[EventBlock], folder: str) -> ingest.Tables:
    """The tables, with the events where workers can read them.

    Artifacts are on an object store where workers may be other machines: then the files of events
    are copied there too, until they are read.
    """
    if not files.is_remote(folder):
        return tables
    files.copy_files(tables.raw.folder, sorted({block.file for block in blocks}), folder)
    raw: Any = tables.raw  # a dataclass, whatever the layout
    return dataclasses.replace(tables, raw=dataclasses.replace(raw, folder=folder))


def _require_rows(counts: collections.Counter[str], spec: splits.SplitSpec) -> None:
    for name in splits.SPLIT_NAMES:
        if not counts[f"rows_{name}"]:
            raise DataError(
                f"the {name} split of a {spec.method} split has no events",
                "use more events, another split method or other fractions",
            )


def _describe(
    artifact: standard_artifacts.Examples,
    source: ResolvedSource,
    layout: str,
    counts: Mapping[str, int],
) -> None:
    """Records on an artifact where its data came from and what was counted in it."""
    artifact.set_string_custom_property("source", source.name)
    artifact.set_string_custom_property("source_description", source.description)
    artifact.set_string_custom_property("source_sha256", source.fingerprint)
    artifact.set_string_custom_property("layout", layout)
    for name, count in sorted(counts.items()):
        artifact.set_int_custom_property(name, count)
