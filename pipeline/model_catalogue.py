"""Finds candidates of a model by what people call them."""

from __future__ import annotations

import collections
import difflib
import re
from collections.abc import Mapping, Sequence

from pipeline.failure import OutputError

_MOST_SUGGESTIONS = 3
_YEAR = re.compile(r" \(\d{4}\)$")


class ModelCatalogue:
    """What a model can recommend.

    Args:
        titles: Title of each candidate.
        position_of_id: Every id that the model accepts, and which of the titles it stands for.
    """

    def __init__(self, titles: Sequence[str], position_of_id: Mapping[str, int]) -> None:
        self._titles = titles
        self._position_of_id = position_of_id
        self._position_of_title = {title: place for place, title in enumerate(titles)}
        self._position_of_bare_title = {_bare(title): place for place, title in enumerate(titles)}

    def position(self, name: str) -> int:
        """Position of the candidate with a title or id; blanks around it and case may differ.

        Raises:
            OutputError: There is none.
        """
        for positions, key in (
            (self._position_of_title, name),
            (self._position_of_id, name.strip()),
            (self._position_of_bare_title, _bare(name)),
        ):
            if key in positions:
                return positions[key]
        raise OutputError(
            f"{name!r} is neither the title nor the id of a movie that the model knows"
            f"{self._suggestion(name)}"
        )

    def _suggestion(self, name: str) -> str:
        """The rest of that sentence."""
        titles = collections.defaultdict(list)
        for title in self._titles:
            for spelling in {_bare(title), _bare(_YEAR.sub("", title))}:
                titles[spelling].append(title)
        close = difflib.get_close_matches(_bare(name), titles, _MOST_SUGGESTIONS)
        # One title may be close both with its year and without.
        found = list(dict.fromkeys(title for spelling in close for title in titles[spelling]))
        quoted = [f'"{title}"' for title in found[:_MOST_SUGGESTIONS]]
        return f"; did you mean {' or '.join(quoted)}?" if quoted else "."


def _bare(title: str) -> str:
    return title.strip().casefold()
