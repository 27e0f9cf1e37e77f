"""The command line of the pipeline; `python runner.py --help` lists the commands."""

import os
import sys

# Both have to be set before anything imports TensorFlow: TFRS needs Keras 2.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from pipeline.cli import main
from pipeline.interruption import leave

if __name__ == "__main__":
    leave(main(sys.argv[1:]))
