"""The notebooks run from top to bottom where nothing else is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganlab import config, training
from ganlab.images import save_folder

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))

PROGRAM = """
import json, sys
names = {"__name__": "__main__"}
for number, cell in enumerate(json.load(open(sys.argv[1]))["cells"]):
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
kept = {"images": list(names["images"].shape), "state": names["run"].summary["state"],
        "points": len(names["lines"]), **names["result"].to_json()}
print(json.dumps(kept))
"""


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_in_a_fresh_process(notebook: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "GANLAB_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, notebook], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kept = json.loads(done.stdout.splitlines()[-1])
    assert (kept["state"], kept["images"], kept["points"]) == ("finished", [16, 1, 16, 16], 5)
    assert kept["protocol"]["images"] == 1600
    assert kept["protocol"]["n_fake"] == 300
    assert list(kept["metrics"]) == ["fid_digits", "is_digits", "is_std_digits"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_its_outputs(notebook: Path) -> None:
    code = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize(
    ("name", "channels", "size"), [("fashion_mnist", 1, 32), ("cifar10", 3, 32), ("folder_64", 3, 64)]
)
def test_an_experiment_says_what_to_expect_and_plays(
    name: str, channels: int, size: int, tmp_path: Path
) -> None:
    text = (ROOT / "configs" / "experiment" / f"{name}.yaml").read_text()
    for word in (f"ganlab train experiment={name}", "What to expect:", "measured"):
        assert word in text
    cfg = config.compose([f"experiment={name}", f"data.root={tmp_path}"])
    config.validate(cfg)
    assert cfg.network.spectral_norm
    assert cfg.evaluation.every < cfg.budget.images
    # one step on made files, with a network that fits a test
    folder = tmp_path / "files"
    save_folder(np.random.default_rng(0).integers(0, 256, (70, channels, size, size), dtype=np.uint8), folder)
    data = {
        "_target_": "ganlab.data.ImageFolder",
        "root": str(folder),
        "resolution": size,
        "channels": channels,
    }
    small = ["network.generator.width=4", "network.discriminator.width=4", "data.batch_size=4"]
    words = [f"experiment={name}", *small, f"data={json.dumps(data)}", f"data.cache={tmp_path / 'cache'}"]
    assert f"samples of {channels}x{size}x{size}" in training.dry_run(config.compose(words))
