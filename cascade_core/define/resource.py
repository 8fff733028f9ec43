"""``@resource``: how to open something that nodes use and that has to be closed again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import Any, Final, Literal, final, get_args, overload

from cascade_core.define.inputs import inject
from cascade_core.define.lazy import LazyResult
from cascade_core.define.signature import signature_of
from cascade_core.define.task import gives_coroutines
from cascade_core.errors import GraphError

Scope = Literal["run", "iteration"]
"""How long a resource stays open."""


@final
class Resource:
    """A provider: opens a resource when it is called for and closes it at the end of its scope.

    Attributes:
        fn: A generator function that yields once, or a plain function; sync or async.
        name: The function's name.
        scope: How long it stays open: ``run`` or ``iteration``.
        needs: Names of other resources by parameter of ``fn``.
        is_generator: Whether it yields, so that there is something to close.
        is_async: Whether opening or closing it awaits.
    """

    __slots__ = ("_positional", "fn", "is_async", "is_generator", "name", "needs", "scope")

    def __init__(self, fn: Callable[..., Any], scope: Scope) -> None:
        self.fn: Final = fn
        self.name: Final = str(getattr(fn, "__name__", type(fn).__name__))
        self.scope: Final = scope
        parameters = signature_of(fn).parameters
        self.needs: Final[Mapping[str, str]] = _needs(self.name, parameters.values())
        self._positional = {
            name: parameter.default
            for name, parameter in parameters.items()
            if parameter.kind is Parameter.POSITIONAL_ONLY
        }
        is_async_generator = inspect.isasyncgenfunction(fn)
        self.is_generator: Final = is_async_generator or inspect.isgeneratorfunction(fn)
        self.is_async: Final = is_async_generator or gives_coroutines(fn)

    def call(self, values: Mapping[str, Any]) -> Any:
        """Call ``fn`` with the values of what it needs, by parameter."""
        positional = [values.get(name, default) for name, default in self._positional.items()]
        named = {name: value for name, value in values.items() if name not in self._positional}
        return self.fn(*positional, **named)

    def __repr__(self) -> str:
        return f"<Resource {self.name}, scope {self.scope}>"


@overload
def resource(fn: Callable[..., Any], *, scope: Scope = "run") -> Resource: ...
@overload
def resource(
    fn: None = None, *, scope: Scope = "run"
) -> Callable[[Callable[..., Any]], Resource]: ...
def resource(
    fn: Callable[..., Any] | None = None, *, scope: Scope = "run"
) -> Resource | Callable[[Callable[..., Any]], Resource]:
    """Make a function a provider, for ``Engine(resources={name: provider})``.

    Use as ``@resource`` or ``@resource(scope="iteration")``. What the function yields (or returns)
    is what ``inject(name)`` comes to. When the run fails, the exception is thrown in at the yield.

    Args:
        fn: A generator function that yields once, or a plain function; sync or async. It needs
            another resource by a parameter's default: ``def table(db=inject("db"))``.
        scope: ``run``: opened once per run; ``iteration``: closed before the next iteration starts.

    Raises:
        TypeError: ``fn`` is not callable.
        GraphError: ``scope`` is neither, or a parameter of ``fn`` has no default.
    """
    if scope not in get_args(Scope):
        raise GraphError(f"scope must be one of {', '.join(get_args(Scope))}, got {scope!r}")
    if fn is None:
        return lambda function: resource(function, scope=scope)
    if not callable(fn):
        raise TypeError(f"resource needs a function, got {fn!r}")
    return Resource(fn, scope)


def _needs(name: str, parameters: Iterable[Parameter]) -> dict[str, str]:
    needs: dict[str, str] = {}
    for parameter in parameters:
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue
        default = parameter.default
        if default is Parameter.empty:
            raise GraphError(
                f"resource {name!r}: nobody passes {parameter.name!r}; give it a default such as "
                f"inject({parameter.name!r})"
            )
        if type(default) is not LazyResult:
            continue
        if default.task is not inject("").task or default._options is not None:
            raise GraphError(
                f"resource {name!r}: the default of {parameter.name!r} must be inject(name) or "
                f"data, got {default!r}"
            )
        needs[parameter.name] = default.args[0]
    return needs
