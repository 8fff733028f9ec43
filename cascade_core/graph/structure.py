"""What a graph is without its data: the plan key, and digests of it for people.

Plans are found by the key, compared in full. Digests are for reports only: they name tasks by
module and qualified name, so that they agree between processes and Python versions, and two
functions of one name look alike in them.
"""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING, final

from cascade_core.define.keys import keys_text, type_name
from cascade_core.define.task import TaskIdentity
from cascade_core.graph.containers import SETS, Again, Shape
from cascade_core.graph.decode import Argument, Call, Decoded, decode, decode_calls
from cascade_core.graph.tokens import Key

if TYPE_CHECKING:
    from cascade_core.graph.picture import Picture


@final
class Structure:
    """A graph without its data. Equal structures share a plan.

    Attributes:
        key: The full plan key; holds no argument values and no functions.
    """

    def __init__(self, key: Key) -> None:
        self.key = key

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The calls by number; the first is the target."""
        return tuple(decode_calls(self.key))

    @cached_property
    def decoded(self) -> Decoded:
        """The key as rows: where the arguments of each call come from."""
        return decode(self.key)

    @property
    def root(self) -> TaskIdentity:
        """The task of the target."""
        first, second = self.key[:2] if len(self.key) > 1 else (self.key[0], None)
        identity: TaskIdentity = first if type(first) is TaskIdentity else second
        return identity

    @cached_property
    def identities(self) -> set[TaskIdentity]:
        """The tasks of all calls."""
        return set(self.decoded.identities)

    @cached_property
    def digest(self) -> str:
        """A hex digest that covers sharing too; for people and reports, never a key."""
        numbers = [str(number).encode() for number in range(len(self.calls))]
        numbered = [_encode("call", _call_digest(call, numbers, True)) for call in self.calls]
        return _sha256(b"".join(numbered)).hex()

    def picture(self, beside: Structure | None = None) -> Picture:
        """What there is to draw, with the nodes marked that differ from those of ``beside``."""
        from cascade_core.graph.picture import picture  # most programs never ask

        return picture(self, beside)

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Structure) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"<Structure {self.root.name} {self.digest[:12]}>"


def node_ids(key: Key) -> list[str]:
    """A Merkle digest per call: its task, its binding and the ids of what it depends on.

    The same in every process, and blind to sharing. A call on a cycle has the id of an unknown.

    Source: R. C. Merkle, CRYPTO '87, doi:10.1007/3-540-48184-2_32.
    """
    calls = decode_calls(key)
    digests = [b"?"] * len(calls)
    for number in topological(calls):
        digests[number] = _call_digest(calls[number], digests)
    return [digest.hex() for digest in digests]


def topological(calls: list[Call] | tuple[Call, ...]) -> list[int]:
    """The numbers of the calls, dependencies first; calls on or above a cycle are left out."""
    sources = [set(call.sources()) for call in calls]
    dependents: list[list[int]] = [[] for _ in calls]
    for number, needed in enumerate(sources):
        for source in needed:
            dependents[source].append(number)
    waiting = [len(needed) for needed in sources]
    order: list[int] = []
    ready = deque(number for number, count in enumerate(waiting) if not count)
    while ready:
        number = ready.popleft()
        order.append(number)
        for dependent in dependents[number]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                ready.append(dependent)
    return order


def _call_digest(call: Call, digests: list[bytes], sees_sharing: bool = False) -> bytes:
    parts = [_encode("task", _bytes(call.identity.qualified_name))]
    parts += [_argument_digest(argument, digests, sees_sharing) for argument in call.args]
    for name, argument in call.kwargs:
        parts.append(_encode("name", _bytes(name)))
        parts.append(_argument_digest(argument, digests, sees_sharing))
    for label, source in call.options.labelled():
        parts.append(_encode("option", _bytes(label)))
        parts.append(_source_digest(source, digests))
    return _sha256(b"".join(parts))


def _argument_digest(argument: Argument, digests: list[bytes], sees_sharing: bool) -> bytes:
    if isinstance(argument, int):
        return _source_digest(argument, digests)
    values: list[bytes] = []
    made: list[bytes] = []
    for part in argument:
        if isinstance(part, Shape):
            members = values[len(values) - part.size :]
            del values[len(values) - part.size :]
            if part.type in SETS:
                members.sort()
            made.append(_sha256(_shape_text(part) + b"".join(members)))
            values.append(_encode("made", made[-1]))
        elif isinstance(part, Again) and sees_sharing:
            values.append(_encode("again", str(part.number).encode()))
        elif isinstance(part, Again):
            values.append(_encode("made", made[part.number]))
        else:
            values.append(_source_digest(part, digests))
    return values[0]


def _source_digest(source: int, digests: list[bytes]) -> bytes:
    return b"data;" if source < 0 else _encode("call", digests[source])


def _shape_text(shape: Shape) -> bytes:
    text = f"{type_name(shape.type)}/{shape.size}/{keys_text(shape.keys)}"
    return _encode("shape", _bytes(text))


def _bytes(text: str) -> bytes:
    """Whatever a name is made of, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def _encode(label: str, content: bytes) -> bytes:
    """Label and content with its length, so that no content can pass for another."""
    return f"{label}{len(content)}:".encode() + content


def _sha256(content: bytes) -> bytes:
    from hashlib import sha256  # late: it loads OpenSSL, and many programs ask for no digest

    return sha256(content).digest()
