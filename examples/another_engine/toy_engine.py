"""An engine that is not ours: it compiles a formula when it first sees it, and keeps it.

``evaluate("a + b", a=1, b=2)`` is a hit from the second time on; put the numbers into the formula,
as in ``evaluate("1 + 2")``, and each new sum is compiled anew.
"""

listeners = []
_compiled = {}


def _tell(what, formula):
    for listener in tuple(listeners):
        listener(what, formula)


def evaluate(formula, **values):
    """Compute a formula such as ``"a + b"``; compiled once, however often it is computed."""
    if formula in _compiled:
        _tell("hit", formula)
    else:
        _tell("miss", formula)
        _compiled[formula] = compile(formula, "<formula>", "eval")
        _tell("compiled", formula)
    return eval(_compiled[formula], {"__builtins__": {}}, values)


def clear():
    """Forget all that was compiled."""
    _compiled.clear()
