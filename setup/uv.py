"""Run uv, silently while it works."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Mapping

from setup.failure import SetupError

DOWNLOAD_SECONDS = "180"
CERTIFICATE_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
)


def has_system_certificates() -> bool:
    """Whether this machine has authorities of its own: uv brings some, for one that has none."""
    return any(Path(bundle).exists() for bundle in CERTIFICATE_BUNDLES)


def run_uv(
    uv: Path,
    arguments: list[str],
    root: Path,
    lock: int,
    remedy: str,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Return what uv printed; its words go to a log if it fails.

    uv holds the set-up's lock too, so that no second set-up begins if the first is killed and
    its uv lives on.
    """
    log = root / ".setup" / "uv.log"
    log.unlink(missing_ok=True)
    environment = dict(os.environ, **(variables or {}))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.setdefault("UV_HTTP_TIMEOUT", DOWNLOAD_SECONDS)
    if has_system_certificates():
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    result = subprocess.run(
        [str(uv), *arguments],
        cwd=str(root),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        pass_fds=(lock,),
        check=False,
    )
    if result.returncode != 0:
        log.write_bytes(result.stdout + result.stderr)
        raise SetupError(f"{remedy} (uv's words are in {log}).")
    return result.stdout.decode()
