"""torchvision beside a CPU-only torch, seen from fresh interpreters."""

import subprocess
import sys


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_ganlab_imports_neither_torch_nor_torchvision() -> None:
    heavy = run(
        "import sys, ganlab; print([m for m in ('torch', 'torchvision', 'lightning', 'hydra') if m in sys.modules])"
    )
    assert heavy.strip() == "[]"


def test_what_needs_torchvision_imports_after_ganlab() -> None:
    code = """
import ganlab, warnings
warnings.simplefilter("ignore")
import lightning, torchmetrics, torch_fidelity, torchvision.ops, torchvision.transforms.functional
import torch
print(torch.ops.torchvision.nms.default._schema, torchvision.__spec__.origin.endswith("__init__.py"))
"""
    assert run(code).strip() == (
        "torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor True"
    )


def test_operators_are_declared_only_after_the_failure_they_cure() -> None:
    """A torchvision that loads, and one that fails for another reason, are left alone."""
    code = """
import pathlib, sys, tempfile
folder = pathlib.Path(tempfile.mkdtemp()); (folder / "torchvision").mkdir()
(folder / "torchvision" / "__init__.py").write_text({body!r})
sys.path.insert(0, str(folder))
import ganlab
try:
    import torchvision
    print(torchvision.answer)
except RuntimeError as error:
    print(error)
print("torch" in sys.modules)
"""
    assert run(code.format(body="answer = 42")).split() == ["42", "False"]
    other = run(code.format(body="raise RuntimeError('no such disk')"))
    assert other.splitlines() == ["no such disk", "False"]


def test_a_missing_torchvision_is_still_missing() -> None:
    code = """
import sys; sys.path = [p for p in sys.path if "site-packages" not in p]
import importlib.util
sys.path_importer_cache.clear()
import ganlab._torchvision as shim
shim.install()
print(importlib.util.find_spec("torchvision"))
"""
    import ganlab

    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True, text=True, cwd=str(next(iter(ganlab.__path__))) + "/..",
    )  # fmt: skip
    assert done.stdout.strip() == "None", done.stderr
