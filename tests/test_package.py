"""The house rules: imports point down, and the wheel carries what it needs."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Highest first; a module may import from its own line and from the lines below.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["commands"],
    ["report", "sweep"],
    ["doctor", "illustrations"],
    ["observers", "training"],
    ["parts", "resume", "trainer"],
    ["generators", "run", "selection"],
    ["callbacks", "compatibility", "tracking"],
    ["diagnostics", "gan"],
    ["theory"],
    [
        "constraints",
        "distributed",
        "ema",
        "figures",
        "images",
        "latent",
        "means",
        "networks",
        "penalties",
        "precision",
        "sampling",
        "schedule",
    ],
    ["objectives", "evaluation"],
    ["data"],
    ["imagefiles"],
    ["checkpoints", "config", "game", "interruption", "ranks", "runs", "randomness"],
    ["launch", "protocol"],
    ["_torchvision", "atomic", "countdown", "errors", "health", "places", "terminal", "versions"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def modules() -> list[tuple[str, Path]]:
    paths = sorted((ROOT / "ganlab").rglob("*.py"))
    return [(path.relative_to(ROOT / "ganlab").parts[0].removesuffix(".py"), path) for path in paths]


def imported(path: Path) -> set[str]:
    """Top-level names within ganlab that a file imports, those for type checkers alone left out."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ganlab":
            parts = node.module.split(".")[1:]
            found |= {parts[0]} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {name[1] for name in names if name[0] == "ganlab" and len(name) > 1}
    return found


def test_every_module_has_its_place() -> None:
    assert {name for name, _ in modules()} - {"__init__"} <= RANK.keys()


@pytest.mark.parametrize(("name", "path"), [(n, p) for n, p in modules() if n != "__init__"])
def test_imports_point_down(name: str, path: Path) -> None:
    upward = {other for other in imported(path) if other in RANK and RANK[other] < RANK[name]}
    assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


def test_run_folders_are_read_without_torch() -> None:
    code = "import sys, ganlab.runs; print([m for m in ('torch', 'lightning') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wheel_trains_from_any_folder(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("ganlab-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "ganlab/configs/objective/wgan_gp.yaml" in names
    assert "ganlab/evaluation/weights/digits.pt" in names
    assets = {path.name for path in (ROOT / "ganlab" / "report" / "assets").iterdir()}
    assert {"page.html", "page.css", "main.js"} <= assets
    assert {f"ganlab/report/assets/{asset}" for asset in assets} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True, capture_output=True)
    code = "import ganlab, sys; from ganlab.cli import main; print(ganlab.__file__); sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--dry-run", "experiment=digits"],
        cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))
    assert "one step" in done.stdout
    assert list(elsewhere.iterdir()) == []
