"""Where tests find the real MovieLens 100K.

It is taken from `RETRIEVAL_TEST_DATA` or a `shared/data` folder beside the checkout where there is
one, else from wherever the default source finds it.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.config import DataSection

_ROOT = Path(__file__).parents[1]


def source() -> str:
    """What `--data` takes."""
    folder = Path(os.environ.get("RETRIEVAL_TEST_DATA", _ROOT.parent / "shared" / "data"))
    return str(folder / "ml-100k") if (folder / "ml-100k").is_dir() else DataSection().source
