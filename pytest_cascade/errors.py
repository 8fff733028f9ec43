"""What the plugin raises: wrong claims, and claims that make no sense."""


class UnexpectedWork(AssertionError):
    """An engine did other work than the test stated; an ordinary test failure."""

    # As pytest's own outcomes do: the short name leaves room for the message in summaries.
    __module__ = "builtins"


class UnexpectedSpeed(UnexpectedWork):
    """A benchmark is slower, or faster, than the test stated."""

    __module__ = "builtins"


class UnexpectedValue(AssertionError):
    """A round of a benchmark came to another value than it should."""

    __module__ = "builtins"


class MarkerError(ValueError):
    """A marker's arguments make no sense; found at collection wherever possible."""
