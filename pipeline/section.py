"""What all sections of the configuration share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Unknown keys are refused and values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
