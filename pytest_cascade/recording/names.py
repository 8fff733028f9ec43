"""The names of tests in a recording: the same however tests are spread over processes."""

from __future__ import annotations

import re
from typing import Final

import pytest

GROUP: Final = re.compile(r"@[^@\]]*$")
"""What ``--dist loadgroup`` of xdist appends to the node ids of tests that are in a group."""


def plain_name(nodeid: str, config: pytest.Config) -> str:
    """The node id of a test as it is without xdist."""
    options = config.option
    is_grouped = getattr(options, "loadgroup", False) or (
        getattr(options, "dist", "no") == "loadgroup"
    )
    file, sep, test = nodeid.rpartition("::")
    return f"{file}{sep}{GROUP.sub('', test)}" if is_grouped else nodeid
