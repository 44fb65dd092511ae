"""Print what ganlab needs to run, one requirement a line: its dependencies and extras, those of developers left out."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project.get("optional-dependencies", {})
wanted = [*project["dependencies"], *(word for name in extras if name != "dev" for word in extras[name])]
print("\n".join(sorted(set(wanted))))
