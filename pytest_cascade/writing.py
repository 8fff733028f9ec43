"""Files that are written wholly or not at all."""

from __future__ import annotations

import os


def write_whole(path: str, text: str) -> None:
    """Write ``text`` as UTF-8: readers see the old file or the new one.

    Raises:
        OSError: the file cannot be written; the old one stays.
    """
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        with open(beside, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        if os.path.exists(beside):
            os.remove(beside)
        raise
