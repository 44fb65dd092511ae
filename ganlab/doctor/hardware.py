"""Devices, how processes talk, and the precisions that work on them; each is tried, not looked up."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.distributed as dist
from omegaconf import DictConfig

from ganlab.doctor.finding import Finding, State
from ganlab.errors import ConfigError
from ganlab.trainer import make_trainer

_PRECISIONS = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def devices(cfg: DictConfig) -> Iterator[Finding]:
    """CPU cores and threads, then every GPU, or why there is none."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("cpu", "ok", f"{cores} cores for this process, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        yield from map(_gpu, range(torch.cuda.device_count()))
    else:
        yield _no_gpu(asked=cfg.trainer.accelerator in ("gpu", "cuda"))


def processes(cfg: DictConfig) -> Iterator[Finding]:
    """Whether the devices that the configuration asks for are here, and as many as torchrun or SLURM has started."""
    try:
        trainer = make_trainer(cfg)
    except ConfigError as error:
        yield Finding("trainer", "broken", str(error))
    else:
        count = trainer.world_size
        noun = "process" if count == 1 else "processes"
        yield Finding("trainer", "ok", f"{count} {noun} on {trainer.accelerator.name()}")


def communication(cfg: DictConfig) -> Iterator[Finding]:
    """A message of one process to itself through gloo and, where there are GPUs, NCCL."""
    yield _talk("gloo", "cpu", "set GLOO_SOCKET_IFNAME to a network interface of this host (ip link)")
    if torch.cuda.is_available():
        version = ".".join(map(str, torch.cuda.nccl.version()))
        yield _talk("nccl", "cuda", "NCCL_DEBUG=INFO ganlab doctor shows what it tries", version)
    else:
        yield Finding("nccl", "ok", "not asked: no GPU")


def precisions(cfg: DictConfig) -> Iterator[Finding]:
    """A product of matrices in each of the reduced precisions."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    asked = cfg.trainer.precision
    for name, dtype in _PRECISIONS.items():
        bad: State = "broken" if asked == name else "warning"
        try:
            a = torch.eye(64, device=device) * 3
            with torch.autocast(device, dtype):
                correct = torch.equal((a @ a).float(), a * 3)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            yield Finding(name, bad, f"does not work on {device} ({reason})", "trainer.precision=32-true")
            continue
        if not correct:
            yield Finding(name, bad, f"is wrong on {device}", "trainer.precision=32-true")
        elif device == "cuda" and not _native(dtype):
            yield Finding(
                name, "warning", "works, slowly: this GPU only emulates it", "trainer.precision=32-true"
            )
        else:
            yield Finding(name, "ok", f"works on {device}")


def _gpu(index: int) -> Finding:
    properties = torch.cuda.get_device_properties(index)
    free, total = (bytes / 2**30 for bytes in torch.cuda.mem_get_info(index))
    found = f"{properties.name}, {free:.0f} of {total:.0f} GiB free"
    built = [int(arch.split("_")[1].rstrip("af")) for arch in torch.cuda.get_arch_list() if "_" in arch]
    if built and properties.major * 10 + properties.minor < min(built):
        advice = "torch is not built for a GPU this old: trainer.accelerator=cpu, or an older torch"
        return Finding(f"cuda:{index}", "broken", found, advice)
    if free < 1:
        return Finding(f"cuda:{index}", "warning", found, "somebody else works on it (nvidia-smi)")
    return Finding(f"cuda:{index}", "ok", found)


def _no_gpu(*, asked: bool) -> Finding:
    there = any(Path("/dev").glob("nvidia[0-9]*"))
    if not there:
        state: State = "broken" if asked else "ok"
        advice = "trainer.accelerator=auto trains on the CPU" if asked else None
        return Finding("cuda", state, "no NVIDIA GPU here", advice)
    if torch.version.cuda is None:
        found = f"there is an NVIDIA GPU, and torch {torch.__version__} is built without CUDA"
        return Finding("cuda", "broken", found, "install torch for CUDA (pytorch.org/get-started)")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden in ("", "-1"):
        return Finding("cuda", "warning", "CUDA_VISIBLE_DEVICES hides the GPU", "unset CUDA_VISIBLE_DEVICES")
    found = f"torch, built for CUDA {torch.version.cuda}, sees no GPU, and there is one"
    return Finding("cuda", "broken", found, "a newer NVIDIA driver, or a torch built for an older CUDA")


def _talk(backend: str, device: str, advice: str, version: str = "") -> Finding:
    if not dist.is_backend_available(backend):
        return Finding(backend, "broken", f"torch {torch.__version__} is built without it", "reinstall torch")
    try:
        store = dist.HashStore()  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=store, rank=0, world_size=1)
        try:
            message = torch.tensor([2.5], device=device)
            dist.all_reduce(message)
            returned = message.item()
        finally:
            dist.destroy_process_group()
    except RuntimeError as error:
        return Finding(backend, "broken", str(error).splitlines()[0], advice)
    if returned != 2.5:
        return Finding(backend, "broken", f"2.5 became {returned} on its way", advice)
    return Finding(backend, "ok", f"{version} a message came back whole".strip())


def _native(dtype: torch.dtype) -> bool:
    major, _ = torch.cuda.get_device_capability()
    return major >= (8 if dtype == torch.bfloat16 else 7)
