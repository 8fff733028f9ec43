"""What the plugin raises: a wrong claim about work, and a claim that makes no sense."""


class UnexpectedWork(AssertionError):
    """An engine did other work than the test stated; an ordinary test failure."""

    # As pytest's own outcomes do: the short name leaves room for the message in summaries.
    __module__ = "builtins"


class MarkerError(ValueError):
    """A marker's arguments make no sense; found at collection wherever possible."""
