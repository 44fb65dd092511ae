"""Weights & Biases beside metrics.jsonl: online where there is a key, offline otherwise, never in the way."""

from ganlab.tracking.sync import sync
from ganlab.tracking.tracker import Tracker, tracker, wandb_mode

__all__ = ["Tracker", "sync", "tracker", "wandb_mode"]
