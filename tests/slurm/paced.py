"""An objective that leaves time to interrupt a run, and changes nothing of what it computes."""

import os
import time

from ganlab.objectives import Match, NonSaturating


class Paced(NonSaturating):
    """The non-saturating loss; each iteration waits $PACE seconds, until SLURM has restarted the job."""

    def update(self, d: Match, g: Match) -> None:
        super().update(d, g)
        if "SLURM_RESTART_COUNT" not in os.environ:
            time.sleep(float(os.environ.get("PACE", 0)))
