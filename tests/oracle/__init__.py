"""The oracle: random programs by plain Python recursion, and by every path through the engine.

A **program** is a description, a short Python literal. ``generate`` draws one, ``build`` makes it
lazy results of the tasks in ``tasks``, ``paths`` runs these through the engine in every way there
is, ``reference`` says what must come of it without knowing the engine, and ``checks`` compares.

``tests/core/test_oracle.py`` runs a few hundred programs per property. For a long run, from the
folder ``tests``::

    python -m oracle --examples 20000 --seed 1

It prints how much each feature of the engine was really exercised. The same seed gives the same
programs; a failure is shrunk, and printed so that it can be pinned as an ``@example``.
"""
