"""All ranks compare the same checkpoints, whenever they arrive at them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ganlab
from ganlab.runs import RunFolder
from tests.conftest import TINY

Ranks = Callable[..., list[Any]]


def _summary(words: list[str]) -> dict[str, Any]:
    real = RunFolder.keep_as_best

    def slowly(folder: RunFolder, images: int) -> None:  # by rank 0, while the other one is done training
        time.sleep(1)
        real(folder, images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "keep_as_best", slowly)
        run = ganlab.train(ganlab.compose(words))
    assert torch.distributed.get_world_size() == 2
    return run.summary


def test_the_best_checkpoint_is_waited_for(ranks: Ranks, tmp_path: Path) -> None:
    words = [
        *TINY, f"run.root={tmp_path}", "evaluation=digits", "evaluation.n_fake=30", "evaluation.every=64",
        "selection.seeds=2", "budget.images=64", "trainer=cpu", "trainer.devices=2",
    ]  # fmt: skip
    one, other = ranks(2, _summary, words)
    assert one["state"] == other["state"] == "finished"
    assert one["selection"]["best"]["protocol"]["images"] == 64
