"""Pictures: Mermaid and DOT texts of graphs. (Both are run through the real parsers by hand.)"""

from __future__ import annotations

import re

import pytest

import cascade_core as cs


@cs.task
def f(*args, **kwargs):
    return args


@cs.task
def g(x=None):
    return x


@cs.task
async def later(x=None):
    return x


def named(name: str) -> cs.LazyResult:
    return cs.task(g.fn, name=name)()


def mermaid(lazy: cs.LazyResult) -> list[str]:
    header, *lines = cs.build_graph(lazy).to_mermaid().splitlines()
    assert header == "flowchart TD"
    return [line.removeprefix("    ") for line in lines]


def dot(lazy: cs.LazyResult) -> list[str]:
    header, *lines, end = cs.build_graph(lazy).to_dot().splitlines()
    assert (header, end) == ("digraph cascade {", "}")
    return [line.removeprefix("    ") for line in lines]


# -- whole pictures -------------------------------------------------------------------------------


def everything() -> cs.LazyResult:
    """One of each: node kinds, options, edge kinds, nodes that may be pruned."""
    shared = g()
    routes = {"fast": g(), 2: [later(g())]}
    return f(
        cs.Param("p", default=g()),
        cs.Env("e"),
        cs.inject("db"),
        cs.select(cs.Param("k"), routes, default={"x": shared}),
        later.map(x=[shared, 1])
        .with_retry()
        .with_timeout(1)
        .with_cache(cs.MemoryCache())
        .with_constraints(gpu=1, cpu=g()),
        k=g(5).run_if(True).after(shared).with_constraints(mem=2),
    ).run_if(later())


def test_mermaid_shows_everything():
    assert cs.build_graph(everything()).to_mermaid() == (
        "flowchart TD\n"
        '    n0["f"]\n'
        '    n1[/"Param"/]\n'
        '    n2[/"Env"/]\n'
        '    n3[("inject")]\n'
        '    n4{"select"}\n'
        '    n5[["later.map<br/>gpu#44; retry#44; timeout#44; cache"]]\n'
        '    n6["g<br/>run if a literal#44; mem"]\n'
        '    n7["later"]\n'
        '    n8["g"]\n'
        '    n9[/"Param"/]\n'
        '    n10["g"]\n'
        '    n11["later"]\n'
        '    n12["g"]\n'
        '    n13["g"]\n'
        '    n14["g"]\n'
        '    n1 -->|"args#91;0#93;"| n0\n'
        '    n2 -->|"args#91;1#93;"| n0\n'
        '    n3 -->|"args#91;2#93;"| n0\n'
        '    n4 -->|"args#91;3#93;"| n0\n'
        '    n5 -->|"args#91;4#93;"| n0\n'
        '    n6 -->|"k"| n0\n'
        '    n7 -.->|"run if"| n0\n'
        '    n8 -->|"default"| n1\n'
        '    n9 -->|"selector"| n4\n'
        '    n10 --o|"routes#91;#39;fast#39;#93;"| n4\n'
        '    n11 --o|"routes#91;2#93;#91;0#93;"| n4\n'
        '    n12 --o|"default#91;#39;x#39;#93;"| n4\n'
        '    n12 -->|"x#91;0#93;"| n5\n'
        '    n13 --x|"cpu"| n5\n'
        '    n12 ==>|"after"| n6\n'
        '    n14 -->|"x"| n11\n'
        "    classDef prunable stroke-dasharray: 4 4\n"
        "    class n10,n11,n14 prunable\n"
    )


def test_dot_shows_everything():
    assert cs.build_graph(everything()).to_dot() == (
        "digraph cascade {\n"
        '    n0 [label="f", shape=box];\n'
        '    n1 [label="Param", shape=parallelogram];\n'
        '    n2 [label="Env", shape=parallelogram];\n'
        '    n3 [label="inject", shape=cylinder];\n'
        '    n4 [label="select", shape=diamond];\n'
        '    n5 [label="later.map\\ngpu, retry, timeout, cache", shape=box3d];\n'
        '    n6 [label="g\\nrun if a literal, mem", shape=box];\n'
        '    n7 [label="later", shape=box];\n'
        '    n8 [label="g", shape=box];\n'
        '    n9 [label="Param", shape=parallelogram];\n'
        '    n10 [label="g", shape=box, style=dashed];\n'
        '    n11 [label="later", shape=box, style=dashed];\n'
        '    n12 [label="g", shape=box];\n'
        '    n13 [label="g", shape=box];\n'
        '    n14 [label="g", shape=box, style=dashed];\n'
        '    n1 -> n0 [label="args[0]"];\n'
        '    n2 -> n0 [label="args[1]"];\n'
        '    n3 -> n0 [label="args[2]"];\n'
        '    n4 -> n0 [label="args[3]"];\n'
        '    n5 -> n0 [label="args[4]"];\n'
        '    n6 -> n0 [label="k"];\n'
        '    n7 -> n0 [label="run if", style=dashed];\n'
        '    n8 -> n1 [label="default"];\n'
        '    n9 -> n4 [label="selector"];\n'
        "    n10 -> n4 [label=\"routes['fast']\", arrowhead=odot];\n"
        '    n11 -> n4 [label="routes[2][0]", arrowhead=odot];\n'
        "    n12 -> n4 [label=\"default['x']\", arrowhead=odot];\n"
        '    n12 -> n5 [label="x[0]"];\n'
        '    n13 -> n5 [label="cpu", arrowhead=box];\n'
        '    n12 -> n6 [label="after", style=dotted, arrowhead=empty];\n'
        '    n14 -> n11 [label="x"];\n'
        "}\n"
    )


# -- kinds of nodes -------------------------------------------------------------------------------

NODES = {
    "call": (lambda: g(), 'n0["g"]', "box"),
    "param": (lambda: cs.Param("a"), 'n0[/"Param"/]', "parallelogram"),
    "env": (lambda: cs.Env("a"), 'n0[/"Env"/]', "parallelogram"),
    "inject": (lambda: cs.inject("a"), 'n0[("inject")]', "cylinder"),
    "select": (lambda: cs.select(1, {1: 2}), 'n0{"select"}', "diamond"),
    "map": (lambda: g.map(x=[1]), 'n0[["g.map"]]', "box3d"),
}


@pytest.mark.parametrize(("make", "text", "shape"), NODES.values(), ids=NODES)
def test_kind_of_a_node_shows_in_its_shape(make, text, shape):
    assert mermaid(make()) == [text]
    (line,) = dot(make())
    assert line.endswith(f"shape={shape}];")


def test_every_kind_has_a_shape_of_its_own_but_for_the_two_inputs():
    assert len({shape for _, _, shape in NODES.values()}) == len(NODES) - 1


OPTIONS = {
    "literal condition": (lambda: g().run_if(False), "run if a literal"),
    "retry": (lambda: g().with_retry(), "retry"),
    "timeout": (lambda: later().with_timeout(1), "timeout"),
    "cache": (lambda: g().with_cache(cs.MemoryCache()), "cache"),
    "amounts": (lambda: g().with_constraints(gpu=1, cpu=2), "cpu, gpu"),
}


@pytest.mark.parametrize(("make", "words"), OPTIONS.values(), ids=OPTIONS)
def test_option_that_is_data_shows_in_a_second_line(make, words):
    name = make().task.name

    assert mermaid(make()) == [f'n0["{name}<br/>{words.replace(",", "#44;")}"]']
    assert dot(make()) == [f'n0 [label="{name}\\n{words}", shape=box];']


# -- kinds of edges -------------------------------------------------------------------------------

EDGES = {
    "data": (lambda: g(later()), 'n1 -->|"x"| n0', 'n1 -> n0 [label="x"];'),
    "condition": (
        lambda: g().run_if(later()),
        'n1 -.->|"run if"| n0',
        'n1 -> n0 [label="run if", style=dashed];',
    ),
    "sequence": (
        lambda: g().after(later()),
        'n1 ==>|"after"| n0',
        'n1 -> n0 [label="after", style=dotted, arrowhead=empty];',
    ),
    "constraint": (
        lambda: g().with_constraints(gpu=later()),
        'n1 --x|"gpu"| n0',
        'n1 -> n0 [label="gpu", arrowhead=box];',
    ),
    "route": (
        lambda: cs.select(1, {1: later()}),
        'n1 --o|"routes#91;1#93;"| n0',
        'n1 -> n0 [label="routes[1]", arrowhead=odot];',
    ),
    "selector": (
        lambda: cs.select((later(), 1), {1: 2}),
        'n1 -->|"selector#91;0#93;"| n0',
        'n1 -> n0 [label="selector[0]"];',
    ),
}


@pytest.mark.parametrize(("make", "in_mermaid", "in_dot"), EDGES.values(), ids=EDGES)
def test_kind_of_an_edge_shows_in_its_line(make, in_mermaid, in_dot):
    assert mermaid(make())[2] == in_mermaid
    assert dot(make())[2] == in_dot


def test_call_that_is_used_in_two_ways_has_two_edges():
    x = later()

    assert mermaid(g(x).run_if(x).after(x))[2:] == [
        'n1 -->|"x"| n0',
        'n1 -.->|"run if"| n0',
        'n1 ==>|"after"| n0',
    ]


def test_nodes_that_may_be_pruned_are_dashed():
    lazy = cs.select(1, {1: later(g())})

    assert mermaid(lazy)[-2:] == [
        "classDef prunable stroke-dasharray: 4 4",
        "class n1,n2 prunable",
    ]
    assert [line.endswith("style=dashed];") for line in dot(lazy)[:3]] == [False, True, True]


def test_route_that_another_node_needs_is_not_dashed():
    x = later()

    assert "dash" not in cs.build_graph(f(cs.select(1, {1: x}), x)).to_mermaid()


def test_route_that_is_the_selector_too_is_not_dashed():
    x = later()

    assert "dash" not in cs.build_graph(cs.select(x, {1: x})).to_dot()


# -- names that mean something to the other tool --------------------------------------------------

HOSTILE = {
    '"); import os': ("#34;)#59; import os", '\\"); import os'),
    "a\nb": ("a#10;b", "a\\nb"),
    "end": ("end", "end"),
    "<script>": ("#60;script#62;", "<script>"),
    "[x]{y}|z": ("#91;x#93;#123;y#125;#124;z", "[x]{y}|z"),
    "größe 日本": ("größe 日本", "größe 日本"),
    "🙂": ("#128578;", "🙂"),
    "a\\nb\\": ("a#92;nb#92;", "a\\\\nb\\\\"),
    "#quot;": ("#35;quot#59;", "#quot;"),
    "&lt;": ("#38;lt#59;", "&amp;lt;"),
    "%%{init}%%": ("#37;#37;#123;init#125;#37;#37;", "%%{init}%%"),
    "`x`": ("#96;x#96;", "`x`"),
    "<lambda>": ("#60;lambda#62;", "<lambda>"),
    "\x00": ("#0;", "\\\\x00"),
    "\ud800": ("#55296;", "\\\\ud800"),
    "\u202e": ("#8238;", "\\\\u202e"),
    "": (" ", ""),
}


@pytest.mark.parametrize(
    ("name", "in_mermaid", "in_dot"),
    [(name, *texts) for name, texts in HOSTILE.items()],
    ids=[ascii(name) for name in HOSTILE],
)
def test_name_of_a_task_cannot_break_out(name, in_mermaid, in_dot):
    assert mermaid(named(name)) == [f'n0["{in_mermaid}"]']
    assert dot(named(name)) == [f'n0 [label="{in_dot}", shape=box];']


@pytest.mark.parametrize(
    ("name", "in_mermaid", "in_dot"),
    [(name, *texts) for name, texts in HOSTILE.items()],
    ids=[ascii(name) for name in HOSTILE],
)
def test_name_of_a_keyword_or_resource_cannot_break_out(name, in_mermaid, in_dot):
    lazy = f(**{name: g()}).with_constraints(**{name: g()})

    assert mermaid(lazy)[3:] == [f'n1 -->|"{in_mermaid}"| n0', f'n2 --x|"{in_mermaid}"| n0']
    assert dot(lazy)[3:] == [
        f'n1 -> n0 [label="{in_dot}"];',
        f'n2 -> n0 [label="{in_dot}", arrowhead=box];',
    ]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_picture_has_one_line_per_node_and_edge_whatever_the_names(name):
    lazy = f(named(name), **{name: g([named(name)])}).with_constraints(**{name: 1})
    graph = cs.build_graph(lazy)
    nodes, edges = len(graph.nodes), len(graph.edges)

    assert len(mermaid(lazy)) == len(dot(lazy)) == nodes + edges
    assert all(
        re.fullmatch(r'n\d+ \[label="(\\.|[^"\\])*", shape=\w+\];', x) for x in dot(lazy)[:nodes]
    )


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_picture_can_be_written_to_a_file(name):
    graph = cs.build_graph(named(name))

    assert graph.to_mermaid().encode()
    assert graph.to_dot().encode()


def test_picture_holds_no_argument_values():
    graph = cs.build_graph(f("secret", g({"secret": "secret"}), cs.Param("secret", "secret")))

    assert "secret" not in graph.to_mermaid() + graph.to_dot()


@pytest.mark.slow
def test_picture_of_a_long_chain_takes_linear_time():
    lazy = g()
    for _ in range(20_000):
        lazy = g(lazy)

    assert len(mermaid(lazy)) == len(dot(lazy)) == 40_001
