"""A missing shared library is named before anything is downloaded."""

from __future__ import annotations

import pytest

from setup.failure import SetupError
from setup.libraries import REQUIRED, require_libraries


def test_libraries_of_this_machine_suffice() -> None:
    require_libraries(REQUIRED)


def test_a_missing_library_is_named_with_its_package() -> None:
    with pytest.raises(SetupError, match=r"libnowhere.so.9 is missing.*apt-get install nowhere9"):
        require_libraries((("libnowhere.so.9", "a test", "nowhere9"),))
