import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.failure import OutputError
from pipeline.output_lock import locked_output

PROJECT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from pipeline.output_lock import locked_output
with locked_output(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    output = tmp_path / "new" / "output"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(output)], stdout=subprocess.PIPE, cwd=PROJECT
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        refused = pytest.raises(OutputError, match=f"process {holder.pid}")
        with refused as caught, locked_output(output):
            pass
        assert str(output) in str(caught.value)
        assert "\n" not in str(caught.value)
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    with locked_output(output):
        pass
    with locked_output(output):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be used"), locked_output(tmp_path / "file"):
        pass
