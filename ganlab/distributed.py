"""Data parallel training of two players: Lightning starts the processes, each step sends what it changes."""

import subprocess

import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy

from ganlab.errors import GanlabError
from ganlab.ranks import AllRanks, Ranks

_LAST_WORDS = 5.0  # seconds for a process to notice by itself, and to say why, that a run has failed


class PlayersStrategy(DDPStrategy):
    """DDP without its wrapper around the module, which would send both players' gradients at every step.

    All ranks begin with the weights of rank 0; from there on `GAN` averages the gradients of the player that
    steps, in one message, before its optimizer moves.
    """

    def start(self) -> Ranks:
        """Start the processes that nobody else has started, and connect them all.

        Raises:
            GanlabError: they cannot meet.
        """
        if self.launcher is not None:
            self.launcher.launch(lambda: None)
        environment = self.cluster_environment
        assert environment is not None
        try:
            self.setup_environment()
        except (RuntimeError, ValueError) as error:  # torch.distributed's errors are RuntimeErrors
            self.abandon()
            place = f"{environment.main_address}:{environment.main_port}"
            raise GanlabError(
                f"the processes cannot meet at {place}: {str(error).splitlines()[0]};"
                " MASTER_ADDR must name the first host, and MASTER_PORT a free port of it"
            ) from error
        return AllRanks()

    def abandon(self) -> None:
        """Let nobody live on whom this process has started: it has failed."""
        for process in getattr(self.launcher, "procs", []):
            try:
                process.wait(_LAST_WORDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def configure_ddp(self) -> None:
        assert self.model is not None
        for tensor in self.model.state_dict().values():
            dist.broadcast(tensor, src=0)


def lost_contact(error: BaseException) -> bool:
    """Whether an error is that of a message to another process, which has ended before."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
