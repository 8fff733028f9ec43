"""Content keys: a call as its task and the *values* of its arguments, for reusing results.

Two calls with one key would come to one value, here and in any other process. So a key is made of
what values are, never of ``repr``, ``id`` or ``hash``; and a value that has no such encoding makes
its call uncacheable, with a reason.

The modules, lowest first; each imports from those before it only::

    forms      what the bytes of one value look like, and what a rule may answer
    names      classes by name: each name has one owner, all others get bytes of their own
    instances  what namedtuples and dataclass instances hold, without running their code
    rules      one rule per type
    encoding   from values to forms with an explicit stack; where a value failed and why
    tasks      what a key says of a task
    keys       the key of a call
"""

from cascade_core.graph.content.keys import UnstableValue, content_key
from cascade_core.graph.content.tasks import task_token

__all__ = ["UnstableValue", "content_key", "task_token"]
