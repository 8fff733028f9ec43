"""A toy engine, a probe for it and a conftest.py that offers the probe, as files of a suite."""

ENGINE = '''
"""An engine: compiles a formula when it first sees it, and tells its listeners."""

listeners = []
compiled = set()


def tell(kind, op, name="", **more):
    for listener in tuple(listeners):
        listener(kind, op, name, **more)


def compute(formula):
    tell("cache", "hit" if formula in compiled else "miss", formula)
    if formula not in compiled:
        compiled.add(formula)
        tell("resolve", "compile", formula, reason="first_seen")
    tell("task", "start", formula)
'''

PROBE = """
from pytest_cascade import Event

BY_EVENT = ("resolves", "lookups", "hits", "misses", "evictions", "executions", "attempts")


class ToyProbe:
    engine = "toy"
    triggers = ("toylib",)
    counted = dict.fromkeys((*BY_EVENT, "iterations", "reuses"), "exact")

    def capabilities(self):
        return self.counted

    def attach(self, emit):
        import toylib

        self.emit = emit
        toylib.listeners.append(self.hear)

    def detach(self):
        import toylib

        toylib.listeners.remove(self.hear)

    def hear(self, kind, op, name="", **more):
        self.emit(Event(self.engine, kind, op, name, **more))


def told(text):
    with open("told.txt", "a") as file:
        print(text, file=file)
"""

OFFER = """
from toyprobe import ToyProbe, told


class Probe(ToyProbe):
    {members}


def pytest_cascade_probes():
    return [Probe()]
"""
