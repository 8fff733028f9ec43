"""A probe for an engine that is not ours: it tells pytest-cascade what the engine does."""

from pytest_cascade import Event


class ToyProbe:
    """Turns what the engine tells into events."""

    engine = "toy"
    triggers = ("toy_engine",)

    def capabilities(self):
        """What it can count; to claim anything else of it is an error, never 0."""
        return dict.fromkeys(("resolves", "lookups", "hits", "misses"), "exact")

    def attach(self, emit):
        """Start to listen: the engine calls back."""
        import toy_engine

        self._emit = emit
        toy_engine.listeners.append(self._hear)

    def detach(self):
        """Stop listening."""
        import toy_engine

        toy_engine.listeners.remove(self._hear)

    def _hear(self, what, formula):
        kind, op = ("resolve", "compile") if what == "compiled" else ("cache", what)
        self._emit(Event("toy", kind, op, formula, reason="first_seen"))
