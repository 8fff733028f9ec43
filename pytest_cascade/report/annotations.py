"""Annotations for GitHub: what was wrong with a test's work, at the line of the test. Pure.

Source: "Workflow commands for GitHub Actions", ``error`` and the characters to escape.
"""

from __future__ import annotations

import os

from pytest_cascade.levels import shown_path


def annotation(path: str, line: int, test: str, verdict: str, workspace: str | None) -> str:
    """Write the command that shows ``verdict`` at a line of a file.

    Args:
        path: The absolute path of the file.
        line: From 1.
        test: The test's node id.
        verdict: What was wrong; may have many lines.
        workspace: The folder that GitHub knows files by, if it told one.
    """
    shown = shown_path(path, os.path.realpath(workspace)) if workspace else path
    title = _value(f"{test}: unexpected work")
    return f"::error file={_value(shown)},line={line},title={title}::{_text(verdict)}"


def _text(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _text(text).replace(":", "%3A").replace(",", "%2C")
