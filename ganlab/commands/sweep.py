"""``ganlab sweep``: the trials of a W&B sweep file, without W&B's server."""

import argparse
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlab.commands import Command, UsageError, count
from ganlab.errors import ConfigError, GanlabError
from ganlab.terminal import say

if TYPE_CHECKING:
    from ganlab.sweep.file import SweepFile
    from ganlab.sweep.study import Study


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trials", type=count, metavar="N", help="how many trials (random and bayes need to know)"
    )
    parser.add_argument(
        "--slurm", type=count, metavar="N", help="submit N workers as a SLURM array, and return"
    )
    parser.add_argument(
        "--sampler", choices=["tpe", "gp"], default="tpe",
        help="of bayes: a tree of Parzen estimators (default), or a Gaussian process",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="what the sweep has found so far, and stop")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.subject:
        raise UsageError("sweep needs a sweep file: ganlab sweep configs/sweep/losses.yaml")
    from ganlab.sweep.file import read_sweep

    sweep = read_sweep(_file(arguments.subject))
    folder = _root([*sweep.words, *arguments.settings]) / sweep.name
    from ganlab.sweep.ranking import rows, table
    from ganlab.sweep.study import Study

    if not Study.exists(folder):
        if arguments.list:
            raise GanlabError(f"there is no sweep in {folder} yet")
        sweep.check(arguments.settings)
    if arguments.sampler != "tpe" and sweep.method != "bayes":
        raise ConfigError(f"--sampler is for bayes; {sweep.path} says method: {sweep.method}")
    settings = None if arguments.list else arguments.settings
    study = Study(folder, sweep, settings, trials=arguments.trials, sampler=arguments.sampler)
    if sweep.early_terminate:
        say("early_terminate is ignored: every trial trains for its whole budget")
    if arguments.slurm:
        return _submit(arguments, study)
    worked = arguments.list or _work(arguments, sweep, study)
    print(table(study) or "no trial is finished yet")
    print(f"next:\n  ganlab report {folder}")
    state = "finished" if study.over else "running" if worked else "preempted"
    return {"sweep": str(folder), "state": state, "trials": rows(study)}


def _file(subject: str) -> Path:
    """A path, or the name of a sweep file that comes with ganlab."""
    from ganlab.config.groups import shipped

    ours = shipped() / "sweep" / f"{subject}.yaml"
    return ours if ours.is_file() and not Path(subject).exists() else Path(subject)


def _work(arguments: argparse.Namespace, sweep: "SweepFile", study: "Study") -> bool:
    from ganlab import launch
    from ganlab.sweep.worker import Worker

    if (launch.allocation() or (1, 1)) != (1, 1):
        raise ConfigError(
            "each task is a worker of its own; give SLURM one task, and an array for more workers"
        )
    worker = Worker(study, sweep, arguments.settings, arguments.config_dir, say=say)
    worker.work()
    if worker.requeue and launch.job():
        launch.requeue()
    return not worker.stopping


def _root(words: list[str]) -> Path:
    roots = [word.partition("=")[2] for word in words if word.startswith("run.root=")]
    return Path(roots[-1] if roots else "runs").expanduser()


def _submit(arguments: argparse.Namespace, study: "Study") -> dict[str, Any]:
    """An array of workers, each `ganlab sweep` with the same words."""
    package = Path(__file__).parent.parent
    scripts = [place / "slurm" / "sweep.sh" for place in (package, package.parent)]
    script = next((path for path in scripts if path.is_file()), None)
    if script is None:
        raise GanlabError("slurm/sweep.sh is not installed here; it is part of a checkout of ganlab")
    if shutil.which("sbatch") is None:
        raise GanlabError("there is no sbatch here; --slurm works where jobs are submitted to SLURM")
    dirs = [word for folder in arguments.config_dir for word in ("--config-dir", str(folder.absolute()))]
    own = ["--trials", str(arguments.trials)] if arguments.trials else []
    own += ["--sampler", arguments.sampler] if arguments.sampler != "tpe" else []
    subject = str(study.sweep.path.absolute())
    command = [
        "sbatch",
        "--parsable",
        f"--array=1-{arguments.slurm}",
        str(script),
        subject,
        *arguments.settings,
    ]
    done = subprocess.run([*command, *own, *dirs], capture_output=True, text=True)
    if done.returncode:
        raise GanlabError(f"sbatch: {' '.join(done.stderr.split())}")
    job = done.stdout.strip().partition(";")[0]
    print(f"job {job}: {arguments.slurm} workers on {len(study.trials())} trials in {study.folder}")
    return {"sweep": str(study.folder), "job": job, "workers": arguments.slurm}


def examples(arguments: argparse.Namespace) -> str:
    return "\n".join(
        [
            "  ganlab sweep configs/sweep/losses.yaml budget.images=100000",
            "  ganlab sweep configs/sweep/lr.yaml --trials 40 --slurm 8",
            "",
            "Started several times, on one machine or on many that share a disk, it is several workers on one sweep;",
            "started again, it goes on. The settings hold for every trial. The same file works with wandb sweep.",
        ]
    )


COMMAND = Command("run the trials of a W&B sweep file", "FILE [key=value ...]", options, run, examples)
