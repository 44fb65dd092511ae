"""Python packages: which there are, whether they are new enough, whether they can be imported."""

import platform
from collections.abc import Iterator
from importlib import import_module, metadata

from omegaconf import DictConfig

from ganlab.doctor.finding import Finding
from ganlab.versions import versions as installed_versions

_NAMED = ("torch", "torchvision", "lightning", "torchmetrics", "torch-fidelity", "hydra-core", "wandb")
_IMPORTED = ("torch", "torchvision", "lightning", "torchmetrics", "torch_fidelity", "wandb")


def versions(cfg: DictConfig) -> Iterator[Finding]:
    """One line with all versions, one more for each package that is missing, too old or broken."""
    installed = installed_versions(("ganlab", *_NAMED))
    words = [f"{name} {version}" for name, version in installed.items() if version]
    yield Finding("versions", "ok", ", ".join([*words, f"python {platform.python_version()}"]))
    for name, requirement, version in _unmet():
        found = f"{version} is too old" if version else "is not installed"
        yield Finding(name, "broken", found, f"pip install '{requirement}'")
    for module in _IMPORTED:
        try:
            import_module(module)
        except Exception as error:  # an extension that does not load raises whatever it likes
            reason = " ".join(str(error).split())[:200]
            yield Finding(
                module, "broken", f"cannot be imported ({reason})", f"pip install --force-reinstall {module}"
            )


def _unmet() -> Iterator[tuple[str, str, str | None]]:
    """(package, requirement, version or None) of what ganlab requires and this environment does not have."""
    from packaging.requirements import Requirement

    for line in metadata.requires("ganlab") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = installed_versions([requirement.name])[requirement.name]
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            yield requirement.name, f"{requirement.name}{requirement.specifier}", version
