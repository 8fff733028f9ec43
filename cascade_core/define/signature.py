"""Calling: how the arguments of a call fit a task's signature and become a lazy result.

For each signature *shape* (how many parameters of which kind) a small function is compiled once;
a task gets a copy of it in which the parameters carry the task's own names and defaults. So
CPython itself checks the arguments, raises the ``TypeError`` a plain call would raise, and applies
the defaults. Names enter as data of the code object, never as source text.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from inspect import Parameter
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from cascade_core.define.lazy import BoundCall, LazyResult, TailCall


class Parameters(NamedTuple):
    """The parameter names of a task, by kind."""

    positional: tuple[str, ...]
    """Parameters that land in ``args``, in order."""
    var_positional: str | None
    """The name behind ``*``, or None."""
    keyword_only: tuple[str, ...]
    """Parameters that land in ``kwargs``, in order."""
    var_keyword: str | None
    """The name behind ``**``, or None."""

    def label(self, index: int) -> str:
        """How the positional argument at ``index`` is called in messages: ``dep`` or ``xs[2]``."""
        if index < len(self.positional):
            return self.positional[index]
        return f"{self.var_positional}[{index - len(self.positional)}]"


_UNKNOWN_SIGNATURE = inspect.Signature(
    [
        Parameter("args", Parameter.VAR_POSITIONAL),
        Parameter("kwargs", Parameter.VAR_KEYWORD),
    ]
)


def signature_of(fn: Callable[..., Any]) -> inspect.Signature:
    """The signature of ``fn``, or ``(*args, **kwargs)`` where it has none to inspect."""
    try:
        return inspect.signature(fn)
    except ValueError:  # some builtins do not tell theirs
        return _UNKNOWN_SIGNATURE


def parameters_of(signature: inspect.Signature) -> Parameters:
    """Sort the parameters of ``signature`` by kind."""
    names: defaultdict[Any, list[str]] = defaultdict(list)
    for name, parameter in signature.parameters.items():
        names[parameter.kind].append(name)
    return Parameters(
        positional=(*names[Parameter.POSITIONAL_ONLY], *names[Parameter.POSITIONAL_OR_KEYWORD]),
        var_positional=next(iter(names[Parameter.VAR_POSITIONAL]), None),
        keyword_only=tuple(names[Parameter.KEYWORD_ONLY]),
        var_keyword=next(iter(names[Parameter.VAR_KEYWORD]), None),
    )


def makers(
    name: str, signature: inspect.Signature
) -> tuple[Callable[..., LazyResult[Any]], Callable[..., TailCall], dict[str, Any]]:
    """Make the two functions that bind the arguments of a task's calls.

    Args:
        name: What a ``TypeError`` calls the function.
        signature: The signature to bind to.

    Returns:
        Two functions of that signature, which give a lazy result and a tail call, defaults applied;
        and the scope of both, in which ``task`` has yet to be set.
    """
    parameters = parameters_of(signature)
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    shape = (
        kinds.count(Parameter.POSITIONAL_ONLY),
        len(parameters.positional),
        len(parameters.keyword_only),
        parameters.var_positional is not None,
        parameters.var_keyword is not None,
    )
    variable_names = [*parameters.positional, *parameters.keyword_only]
    variable_names += [n for n in (parameters.var_positional, parameters.var_keyword) if n]
    scope = {
        "LazyResult": LazyResult,
        "TailCall": TailCall,
        "refuse": _refuse_tail_call,
    }
    defaults = {
        n: p.default for n, p in signature.parameters.items() if p.default is not Parameter.empty
    }

    def maker(made: type[BoundCall[Any]]) -> Callable[..., Any]:
        template = _template(made.__name__, *shape)
        local_names = (*variable_names, *template.co_varnames[len(variable_names) :])
        make = FunctionType(template.replace(co_varnames=local_names), scope, name)
        make.__qualname__ = name
        positional = [defaults[n] for n in parameters.positional if n in defaults]
        make.__defaults__ = tuple(positional) or None
        make.__kwdefaults__ = {n: defaults[n] for n in parameters.keyword_only if n in defaults}
        return make

    return maker(LazyResult), maker(TailCall), scope


@cache
def _template(
    made: str,
    positional_only: int,
    positional: int,
    keyword_only: int,
    var_positional: bool,
    var_keyword: bool,
) -> CodeType:
    """The code of a maker, its parameters still called ``p0``, ``k0``, ``rest`` and ``extra``."""
    args = [f"p{i}" for i in range(positional)]
    keywords = [f"k{i}" for i in range(keyword_only)]
    declared = list(args)
    if positional_only:
        declared.insert(positional_only, "/")
    if var_positional:
        declared.append("*rest")
    elif keywords:
        declared.append("*")
    declared += keywords
    if var_keyword:
        declared.append("**extra")
    checks = [f"type({name}) is TailCall" for name in (*args, *keywords)]
    checks += ["TailCall in map(type, rest)"] if var_positional else []
    checks += ["TailCall in map(type, extra.values())"] if var_keyword else []
    bound = list(args)
    bound += ["*rest"] if var_positional else []
    bound += keywords
    bound += ["*extra.values()", "tuple(extra)"] if var_keyword else []
    lines = [
        f"def make({', '.join(declared)}):",
        f"    if {' or '.join(checks) or 'False'}: refuse()",
        f"    call = {made}()",
        "    call._task = task",
        *(["    call._options = None"] if made == "LazyResult" else []),
        f"    call._args = ({''.join(f'{value}, ' for value in bound)})",
        "    return call",
    ]
    namespace: dict[str, Any] = {}
    exec("\n".join(lines), namespace)
    code: CodeType = namespace["make"].__code__
    return code


def _refuse_tail_call() -> None:
    raise TypeError(
        "a TailCall cannot be an argument: return it, or pass the lazy result of the same call"
    )
