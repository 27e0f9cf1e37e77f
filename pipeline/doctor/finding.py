"""What a check has found."""

from __future__ import annotations

import dataclasses
from typing import Literal

Status = Literal["ok", "note", "warning", "error"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes:
        subject: What was looked at, in a word or two.
        status: `ok`; `note`: as it may be, and worth knowing; `warning`: it works, perhaps not as
            meant; `error`: a run, or what is served, cannot work.
        sentence: What is so.
        remedy: What to do about it; empty where nothing needs to be done.
    """

    subject: str
    status: Status
    sentence: str
    remedy: str = ""
