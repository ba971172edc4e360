"""The architecture is a test: imports point down the layers, and docs/design.md tells them."""

import ast
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import dmssn

ROOT = Path(dmssn.__file__).parent
DESIGN = Path(__file__).parents[1] / "docs" / "design.md"

LAYERS = [
    "checkpoint_header config.* cube.* distributed files interruptions kmeans_numpy memory"
    " metric_names metrics.* models.* moments pictures progress regions resample scene_manifest"
    " threads wording",
    "augment checkpoint detector_settings devices geotiff kmeans losses map_info masks"
    " mixture_numpy model_card objects recipes rendering saliency_maps store surveying views"
    " workers",
    "baselines.* batches map_files mixture scenes.*",
    "readers.* scene_folders",
    "detections preparing",
    "classical cube_lists datasets.* labour runs.* saving scoring trained.* writers.*",
    "checking converting detector evaluation origins overlays preparing_scenes",
    "claims diagnosis exporting.* hub tiles.* training.*",
    "commands.cube_options commands.cube_reports commands.recipe_options commands.tables"
    " predicting preparing_sets",
    "ablation.* judging.* reproduction.* viewing.*",
    "commands.*",
    "cli",
    "commands.completion",
]
"""Modules of a line know nothing of each other and use those above. ``NAME.*`` is a room: a
package whose modules may use each other, in no circle."""
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names.split()}

FACES = {"__init__", "__main__"}
"""What stands outside the layers: the names the package offers, and ``python -m dmssn``."""


def modules() -> dict[str, Path]:
    """Every module by its name within the package; packages that hold only a docstring left out."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if len(ast.parse(path.read_text(encoding="utf-8")).body) > 1 or name.count("__init__") == 0:
            found[name.removesuffix(".__init__")] = path
    return {name: path for name, path in found.items() if name not in FACES}


MODULES = modules()


def layer_name(module: str) -> str | None:
    """The entry of LAYERS a module belongs to: its own, or its room's."""
    room = f"{module.split('.')[0]}.*"
    return module if module in LAYER else room if room in LAYER else None


def imported(path: Path, *, top: bool = False) -> set[str]:
    """Modules a file imports, anywhere, or only those that importing it loads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in tree.body if top else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = {name for name in whole if name.removeprefix("dmssn.") in MODULES}
            found |= inner or {str(node.module)}
    return found


def uses(path: Path) -> set[str]:
    """Modules of the package a file imports."""
    names = {name.removeprefix("dmssn.") for name in imported(path) if name.startswith("dmssn.")}
    return names


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_layer_and_imports_from_those_below(module):
    mine = layer_name(module)
    assert mine is not None, f"{module} has no layer: give it one in LAYERS and docs/design.md"
    for target in uses(MODULES[module]):
        other = layer_name(target)
        assert other is not None, f"{target} has no layer"
        same_room = mine == other and mine.endswith(".*")
        assert same_room or LAYER[other] < LAYER[mine], f"{module} must not import {target}"


def test_no_module_uses_itself_in_a_circle():
    graph = {module: uses(path) & MODULES.keys() for module, path in MODULES.items()}
    while graph:
        free = {module for module, targets in graph.items() if not targets & graph.keys()}
        assert free, f"a circle among {', '.join(sorted(graph))}"
        graph = {module: targets for module, targets in graph.items() if module not in free}


def test_every_entry_of_the_layers_is_a_module():
    used = {layer_name(module) for module in MODULES}
    assert set(LAYER) == used
    assert sum(len(names.split()) for names in LAYERS) == len(LAYER)


def test_the_design_document_has_the_same_layers():
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", DESIGN.read_text(encoding="utf-8"), re.MULTILINE)
    told = {int(depth): re.findall(r"`([\w.*]+)`", names) for depth, names in rows}
    assert told == {depth: names.split() for depth, names in enumerate(LAYERS)}


def test_networks_and_losses_see_no_files_settings_or_devices():
    for module, path in MODULES.items():
        if module.startswith("models.") or module == "losses":
            assert all(target.startswith("models.") for target in uses(path)), module
            assert not imported(path) & {"json", "pathlib", "os", "safetensors"}, module


def test_commands_load_nothing_heavy_before_they_run():
    light = {
        "cyclopts",
        "dmssn",
        "dmssn.config",
        "dmssn.recipes",
        "dmssn.commands.cube_options",
        "dmssn.commands.cube_reports",
        "dmssn.commands.recipe_options",
        "dmssn.commands.tables",
        "dmssn.memory",
        "dmssn.metric_names",
    }
    for module, path in MODULES.items():
        if module.startswith("commands.") or module == "cli":
            heavy = {
                name
                for name in imported(path, top=True) - light
                if name.split(".")[0] not in sys.stdlib_module_names
            }
            assert not heavy, f"{module} imports {', '.join(heavy)} at its top"


def test_modules_are_short_and_begin_with_what_they_hold():
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), f"{path.name} has no docstring"
        assert text.count("\n") <= 300, f"{path.name} has more than 300 lines: it is two modules"


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not {module.split(".")[-1] for module in MODULES} & drawers


@pytest.mark.parametrize("name", dmssn.__all__)
def test_what_the_package_offers_is_there_and_hides_no_module(name):
    assert getattr(dmssn, name) is not None
    assert name == "__version__" or find_spec(f"dmssn.{name}") is None


def test_a_name_the_package_does_not_offer_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        _ = dmssn.train
