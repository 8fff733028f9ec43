"""What the tests of the page read from one."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any


def details_of(page: str) -> dict[str, Any]:
    """What its script would show of each row."""
    found = re.search(r'id="details">(.*?)</script>', page)
    assert found is not None
    told: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(found[1]), -15))
    return told
