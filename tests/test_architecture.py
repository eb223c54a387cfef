"""The house rules: rooms import only from below, torch stays where it is needed, files stay short."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command

import fewlabels
from fewlabels.cli import app
from fewlabels.networks import NETWORKS
from fewlabels.objectives import kinds

SOURCE = Path(fewlabels.__file__).parent
ROOMS = (
    "core",
    "data",
    "networks",
    "objectives",
    "metrics",
    "analysis",
    "training",
    "transfer",
    "report",
    "models",
    "pipelines",
    "study",
    "estimators",
    "papers",
    "cli",
)
"""From the ground up; a room imports only from those before it, and from itself."""

WITHOUT_TORCH = ("core", "data", "metrics", "analysis", "report")
LONGEST = 320
CLASSIFIER = Path(__file__).parent / "models" / "fixtures" / "v1" / "classifier"
FILES = sorted(SOURCE.rglob("*.py"))


def imported(source: str, module: str) -> set[str]:
    """Dotted names of all imports of a module's source, at any depth; `from a import b` gives a.b.

    module: its own dotted name (a package's with a final `__init__`), for relative imports.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{start}.{alias.name}" for alias in node.names}
    return names


def room_of(module: str) -> str:
    """fewlabels.data.readers.numpy_files -> data; fewlabels.cli -> cli."""
    return module.split(".")[1]


def forbidden(source: str, module: str) -> list[str]:
    """What a module imports against the rules, as sentences."""
    here = room_of(module)
    names = imported(source, module)
    faults = []
    if here in WITHOUT_TORCH:
        faults += [f"{module} imports {name}" for name in names if name.split(".")[0] == "torch"]
    if here not in ROOMS:
        return faults
    allowed = {*ROOMS[: ROOMS.index(here) + 1], *(("__version__",) if here == "cli" else ())}
    for name in names:
        if name.split(".")[0] == "fewlabels" and (name == "fewlabels" or room_of(name) not in allowed):
            faults.append(f"{module} imports {name}")
    return sorted(faults)


def dotted(path: Path) -> str:
    return ".".join(("fewlabels", *path.relative_to(SOURCE).with_suffix("").parts))


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_a_file_imports_only_from_below_and_stays_short(path):
    source = path.read_text(encoding="utf-8")
    assert forbidden(source, dotted(path)) == []
    assert len(source.splitlines()) <= LONGEST


def test_every_folder_is_a_room_of_the_house_and_every_room_is_there():
    folders = {path.relative_to(SOURCE).parts[0] for path in FILES if path.parent != SOURCE}
    assert folders | {"papers"} == set(ROOMS)
    assert {path.name for path in SOURCE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("fewlabels.networks.conv", "from fewlabels.objectives import Denoising", "fewlabels.objectives.Denoising"),
        ("fewlabels.training.loop", "import fewlabels.transfer.probe as p", "fewlabels.transfer.probe"),
        ("fewlabels.objectives.contractive", "def f():\n    from fewlabels import training", "fewlabels.training"),
        ("fewlabels.transfer.probe", "from ..study import execute", "fewlabels.study.execute"),
        ("fewlabels.data.__init__", "from ..networks import Dense", "fewlabels.networks.Dense"),
        ("fewlabels.study.execute", "from fewlabels.estimators import base", "fewlabels.estimators.base"),
        ("fewlabels.study.execute", "from fewlabels import run_study", "fewlabels.run_study"),
        ("fewlabels.study.execute", "import fewlabels", "fewlabels"),
        ("fewlabels.core.settings", "from fewlabels.data import load", "fewlabels.data.load"),
        ("fewlabels.report.study_page", "import torch", "torch"),
        ("fewlabels.data.readers.numpy_files", "def f():\n    from torch.nn import Linear", "torch.nn.Linear"),
    ],
)
def test_the_checker_finds_a_planted_fault(module, source, fault):
    assert forbidden(f"import json\n{source}\n", module) == [f"{module} imports {fault}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fewlabels.cli.__init__", "from fewlabels import __version__"),
        ("fewlabels.training.store", "from fewlabels.networks import Autoencoder\nfrom .loop import fit\nimport torch"),
        ("fewlabels.data.readers.numpy_files", "from fewlabels.core.errors import InputError\nimport torchvision_free"),
        ("fewlabels.report.study_page", "from fewlabels.metrics.verdict import Verdict"),
        ("fewlabels.study.study", "from fewlabels.report import study_page\nimport torch"),
    ],
)
def test_the_checker_allows_what_the_rules_allow(module, source):
    assert forbidden(source, module) == []


@pytest.mark.parametrize("room", ["objectives", "training", "transfer"])
def test_only_tables_name_concrete_networks_and_objectives_of_other_rooms(room):
    concrete = {*NETWORKS, "NETWORKS", "PRESETS", "PAPER_1", "PAPER_2", "PAPER_3", "default_network", "small_cnn"}
    if room != "objectives":
        concrete |= {*kinds(), "kinds", "OBJECTIVES", "ENTRIES"}
    for path in {*(SOURCE / room).rglob("*.py")} - {SOURCE / room / "registry.py"}:
        source = path.read_text(encoding="utf-8")
        assert not {name.split(".")[-1] for name in imported(source, dotted(path))} & concrete, path


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=True)


def modules_of(*arguments: str) -> set[str]:
    """What the command line imports for these arguments, by dotted name."""
    done = run_python("-X", "importtime", "-m", "fewlabels", *arguments)
    assert done.stdout
    return {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}


def test_help_waits_for_no_heavy_import():
    roots = {name.split(".")[0] for name in modules_of("--help")}
    assert {"fewlabels", "typer"} <= roots
    assert not roots & {"torch", "pandas", "sklearn", "scipy", "numpy", "plotly"}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "embed", "evaluate"])
def test_a_model_in_use_waits_only_for_what_works(command, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 9), "red").save(tmp_path / name / "one.png")
    data = tmp_path if command == "evaluate" else tmp_path / "cat" / "one.png"
    out = ("-o", str(tmp_path / "codes.npy")) if command == "embed" else ()
    found = modules_of(command, str(CLASSIFIER), str(data), *out)
    assert {"torch", "PIL", "fewlabels.models"} <= found
    heavy = {"torch._dynamo", "torch._inductor", "sympy", "sklearn", "scipy", "pandas", "pyarrow", "plotly", "jinja2"}
    heavy |= {"onnx", "onnxruntime", "onnxscript", "datasets", "fewlabels.report", "fewlabels.study"}
    assert not found & heavy


@pytest.mark.slow
def test_rooms_without_torch_do_not_even_import_torch_by_way_of_others():
    modules = [dotted(path).removesuffix(".__init__") for path in FILES if room_of(dotted(path)) in WITHOUT_TORCH]
    code = f"import importlib, sys\nfor m in {modules}: importlib.import_module(m)\nprint('torch' in sys.modules)"
    assert re.fullmatch(r"False\s*", run_python("-c", code).stdout)


OPTION = re.compile(r"(?<![\w-])(?:--[a-z][a-z-]+|-o|--$)(?![\w-])")
SHELL_COMMAND = re.compile(r"`+\s?fewlabels (\w+)([^`]*)`")
OPTIONS = {
    name: {option for parameter in command.params for option in parameter.opts}
    for name, command in get_command(app).commands.items()
}


def texts(path: Path) -> list[str]:
    """The texts of a module; those below the command line without docstrings."""
    tree = ast.parse(path.read_text())
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    bare = {id(line.value) for body in bodies for line in body if isinstance(line, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (id(node) not in bare or room_of(dotted(path)) == "cli")
    ]


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem not in ("options", "command", "__init__", "registry")], ids=dotted
)
def test_messages_name_settings_in_backquotes_and_only_a_commands_own_file_names_its_options(path):
    """The command line puts the options of the command at work in the place of `setting` and `setting=True`."""
    named = set()
    for text in texts(path):
        for command, rest in SHELL_COMMAND.findall(text):
            assert set(OPTION.findall(rest)) <= OPTIONS[command], text
        named |= set(OPTION.findall(SHELL_COMMAND.sub("", text)))
    own = set()
    if room_of(dotted(path)) == "cli":
        commands = OPTIONS.keys() & {*vars(importlib.import_module(dotted(path))), path.stem.removesuffix("_text")}
        own = set().union(*(OPTIONS[command] for command in commands))
    assert named <= own
