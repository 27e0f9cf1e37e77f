import logging
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = """
import logging, os, sys, warnings
from pathlib import Path
from pipeline.log_capture import captured_logs
print("before")
with captured_logs() as capture:
    temporary = capture.file
    os.write(1, b"native out\\n")
    capture.move_to(Path(sys.argv[1]))
    os.write(2, b"native error\\n")
    print("python out")
    warnings.warn("python warning")
    logging.getLogger("library").info("logged")
    os.system("echo child")
    print("to the terminal", file=capture.out)
assert not temporary.exists()
print("after")
"""


def test_only_the_terminal_is_written_to_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(log)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=True,
    )
    assert done.stdout.splitlines() == ["before", "to the terminal", "after"]
    assert done.stderr == ""
    text = log.read_text(encoding="utf-8")
    for part in ("native out", "native error", "python out", "python warning", "logged", "child"):
        assert part in text
    assert not list(tmp_path.glob("*.log"))
    assert logging.getLevelName(logging.INFO) in text
