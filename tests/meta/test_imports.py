"""Which module may import which: the core from run down to define, the plugin through a probe."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cascade_core
import pytest_cascade

CORE = Path(cascade_core.__file__).parent
PLUGIN = Path(pytest_cascade.__file__).parent

LAYERS = (
    *("frozen", "errors", "caching", "define", "graph", "vm"),
    *("plan", "events", "bus", "executors", "run"),
)
"""Of the core, lowest first. A module imports from its own layer and those below."""

CORE_USERS = {"making.py", "probes/cascade.py", "work/spies.py", "bench/passes.py", "bench/cost.py"}
"""Files of the plugin that may import the engine, and only inside functions."""


def imports(path: Path, *, inside_functions: bool = True) -> Iterator[str]:
    """Absolute names of the modules that a file imports when it runs."""
    tree = ast.parse(path.read_text())
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(ast.walk(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions:
            skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(package: Path) -> list[Path]:
    found = sorted(package.rglob("*.py"))
    assert found
    return found


def module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", files(CORE), ids=lambda path: module_name(path, CORE))
def test_the_core_imports_only_the_standard_library_and_itself(path: Path):
    roots = {name.partition(".")[0] for name in imports(path)}

    assert roots <= {*sys.stdlib_module_names, "cascade_core"}


@pytest.mark.parametrize("path", files(CORE), ids=lambda path: module_name(path, CORE))
def test_core_imports_point_downward(path: Path):
    own = layer(module_name(path, CORE))

    below = [layer(name) for name in imports(path) if name.startswith("cascade_core.")]

    assert all(LAYERS.index(other) <= LAYERS.index(own) for other in below if own in LAYERS)


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_part_of_the_core_has_a_layer():
    parts = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert parts - {"__init__", "__pycache__", "testing", "_conformance"} == set(LAYERS)


@pytest.mark.parametrize("path", files(PLUGIN), ids=lambda path: module_name(path, PLUGIN))
def test_the_plugin_imports_the_engine_late_and_in_few_places(path: Path):
    at_import = [n for n in imports(path, inside_functions=False) if n.startswith("cascade_core")]
    ever = [name for name in imports(path) if name.startswith("cascade_core")]

    assert not at_import
    assert not ever or path.relative_to(PLUGIN).as_posix() in CORE_USERS


def test_importing_the_plugin_imports_neither_the_engine_nor_the_statistics():
    script = (
        "import sys, pytest_cascade.plugin, pytest_cascade.fixtures\n"
        "print(*sorted({'cascade_core', 'pytest_benchmark', 'statistics'} & set(sys.modules)))"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == ""


@pytest.mark.slow
@pytest.mark.parametrize("package", [CORE, PLUGIN], ids=lambda path: path.name)
def test_each_module_imports_alone_without_warnings(package: Path):
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.startswith(('cascade_', 'pytest_cas'))]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    names = [module_name(path, package) for path in files(package)]

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *names], capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stderr
