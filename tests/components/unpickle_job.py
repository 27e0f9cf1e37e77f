"""Loads every pickled function of Beam pipelines, as a worker would; prints classes of DoFns."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from apache_beam.internal import pickler
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_runner_api_pb2

_COMBINES = (
    common_urns.composites.COMBINE_PER_KEY.urn,
    common_urns.composites.COMBINE_GLOBALLY.urn,
    common_urns.combine_components.COMBINE_PER_KEY_PRECOMBINE.urn,
    common_urns.combine_components.COMBINE_PER_KEY_MERGE_ACCUMULATORS.urn,
    common_urns.combine_components.COMBINE_PER_KEY_EXTRACT_OUTPUTS.urn,
)


def main(files: list[str]) -> None:
    names = []
    for file in files:
        pipeline = beam_runner_api_pb2.Pipeline.FromString(Path(file).read_bytes())
        found = []
        for transform in pipeline.components.transforms.values():
            spec = transform.spec
            if spec.urn == common_urns.primitives.PAR_DO.urn:
                do_fn = beam_runner_api_pb2.ParDoPayload.FromString(spec.payload).do_fn
                if do_fn.urn == python_urns.PICKLED_DOFN_INFO:  # not one of Beam's own
                    found.append(type(pickler.loads(do_fn.payload)[0]).__name__)
            elif spec.urn in _COMBINES:
                combine_fn = beam_runner_api_pb2.CombinePayload.FromString(spec.payload).combine_fn
                if combine_fn.urn == python_urns.PICKLED_COMBINE_FN:
                    pickler.loads(combine_fn.payload)
        names.append(sorted(set(found)))
    print(json.dumps(names))


if __name__ == "__main__":
    main(sys.argv[1:])
