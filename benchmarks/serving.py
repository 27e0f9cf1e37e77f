"""Shows what a request costs in process: whole requests, and an index of a million candidates.

Command: python -m benchmarks.serving

First a whole request, `serving_default` of the default preset with what is seen left out, beside a
bare call of TFRS' BruteForce (`benchmarks.serving_requests`), in catalogues of 1,664 and 100,000
(`--catalogues`). Then `ivf` for 1,000,000 candidates (`--candidates`) of two kinds of embeddings,
each learnt first (`benchmarks.embeddings`), beside exact lists (`benchmarks.serving_index`): with
one thread, and with one per core. Every comparison is of alternating calls in one process of its
own; ratios are of medians. Bars: a whole request at most 1.5 times the bare call; `ivf` at most
1/12 of matmul + top_k and below 1/8 of the best exact form, with a recall of .95, made in 3 minutes
and 3 GB. State the processor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence

from benchmarks import report
from benchmarks.alternating import percentile
from benchmarks.commands import Measurement, measure

_CATALOGUES = (1_664, 100_000)
_CANDIDATES = 1_000_000
_KINDS = ("als", "two_tower")
# Of TensorFlow; 0 is one per core.
_THREADS = {"1": 1, "one per core": 0}


def whole_requests(catalogues: Sequence[int], calls: int) -> str:
    """Milliseconds of whole requests and bare calls by catalogue."""
    rows = []
    for movies in catalogues:
        with tempfile.TemporaryDirectory(prefix="serving-") as folder:
            command = [sys.executable, "-m", "benchmarks.serving_requests"]
            measure([*command, "prepare", folder, str(movies)])
            taken = measure([*command, "compare", folder, str(calls)]).result
        _tell(f"{movies:,} candidates")
        whole = taken.pop("serving_default")
        for name, bare in taken.items():
            ratio = percentile(whole, 50) / percentile(bare, 50)
            rows.append([f"{movies:,}", *_times(whole), name, *_times(bare), f"{ratio:.2f}"])
    header = ["candidates", "p50, ms", "p99, ms", "beside", "p50, ms", "p99, ms", "ratio of p50"]
    return report.table(header, rows)


def indexes(candidates: int, calls: int) -> str:
    """Recall, making and milliseconds of an index by kind of embeddings."""
    rows = []
    for kind in _KINDS:
        with tempfile.TemporaryDirectory(prefix="embeddings-") as folder:
            command = [sys.executable, "-m", "benchmarks.embeddings", kind, str(candidates), folder]
            learnt = measure(command)
            _tell(f"{kind} embeddings ({learnt.wall:.0f} s)")
            for name, threads in _THREADS.items():
                command = [sys.executable, "-m", "benchmarks.serving_index", folder, str(threads)]
                rows.append([kind, name, *_index_row(measure([*command, str(calls)]))])
    header = ["embeddings", "threads", "index", "recall@100", "made in, s", "CPU, s", "peak memory"]
    header += ["matmul + top_k, p50 ms", "best exact, p50 ms", "index, p50 ms", "p99 ms"]
    return report.table([*header, "of matmul + top_k", "of best exact"], rows)


def _index_row(run: Measurement) -> list[str]:
    found, taken = run.result, run.result["milliseconds"]
    plain, exact, index = (
        percentile(taken[name], 50) for name in ("matmul + top_k", "exact", "index")
    )
    choice = found["choice"]
    return [
        f"{choice['kind']}, {choice.get('probes', 0)} of {choice.get('lists', 0)} lists",
        f"{found['recall']:.3f}",
        f"{found['seconds']:.0f}",
        f"{found['cpu_seconds']:.0f}",
        report.gigabytes(found["peak_bytes"]),
        f"{plain:.2f}",
        f"{exact:.2f}",
        f"{index:.2f}",
        f"{percentile(taken['index'], 99):.2f}",
        f"1/{plain / index:.1f}",
        f"1/{exact / index:.1f}",
    ]


def _times(values: list[float]) -> list[str]:
    return [f"{percentile(values, share):.2f}" for share in (50, 99)]


def _tell(what: str) -> None:
    print(f"{what} done", file=sys.stderr, flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure requests in process.")
    parser.add_argument("--catalogues", type=int, nargs="*", default=_CATALOGUES)
    parser.add_argument("--candidates", type=int, default=_CANDIDATES)
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    print(report.machine())
    print(whole_requests(options.catalogues, options.calls))
    if options.candidates:
        print(indexes(options.candidates, options.calls))


if __name__ == "__main__":
    main()
