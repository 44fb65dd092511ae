"""One cluster for all tests, and all their jobs at once: most of their time they wait for SLURM."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.slurm import scenarios
from tests.slurm.cluster import Cluster, missing_programs

ROOT = Path(__file__).parents[2]


def start_cluster(*, nodes: int = 2) -> Cluster:
    cluster = Cluster(nodes=nodes)
    paths = {"PATH": Path(sys.executable).parent, "PYTHONPATH": ROOT}
    for name, path in paths.items():
        cluster.environment[name] = f"{path}{os.pathsep}{cluster.environment.get(name, '')}"
    cluster.environment |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    return cluster.start()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running cluster of two nodes."""
    if missing := missing_programs():
        pytest.skip(f"no SLURM here ({', '.join(missing)}); Debian: apt-get install slurm-wlm munge")
    cluster = start_cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def harsh_clusters(cluster: Cluster) -> Iterator[dict[str, Cluster]]:
    """One more for each scenario that is hard on the jobs of others."""
    clusters = {"preempted": start_cluster(), "killed_node": start_cluster(nodes=3)}
    yield clusters
    for harsh in clusters.values():
        harsh.stop()


@pytest.fixture(scope="session")
def outcome(cluster: Cluster, harsh_clusters: dict[str, Cluster]) -> Iterator[Callable[[str], Any]]:
    """What a function of `scenarios` has returned; all of them are started at once, the longest first."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        running: dict[str, Future] = {
            name: pool.submit(getattr(scenarios, name), harsh_clusters.get(name, cluster))
            for name in scenarios.LONGEST_FIRST
        }
        yield lambda name: running[name].result()
        for future in running.values():
            future.cancel()
