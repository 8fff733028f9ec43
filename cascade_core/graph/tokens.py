"""The tokens of a plan key, shared by its writer (``reading.py``) and reader (``decode.py``)."""

from __future__ import annotations

from typing import Any, TypeAlias

Key: TypeAlias = tuple[Any, ...]
"""A structure, complete: equal keys, equal graphs."""

DATA = -1
"""An argument that is a value."""

NEW = -2
"""An argument that is a call seen for the first time."""
