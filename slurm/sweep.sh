#!/bin/bash
# Trials of a W&B sweep, one in each task:  sbatch --array=1-16 slurm/sweep.sh ENTITY/PROJECT/SWEEP_ID
# ... of a sweep file, without any server:  sbatch --array=1-4 slurm/sweep.sh configs/sweep/losses.yaml [key=value ...]
# The first runs one agent in each task, for one trial; a task that is requeued goes on with the trial it had.
# The second runs four workers that share one study until it is done.
# What stands on sbatch's command line wins over the lines below; see README.md beside this file.
#SBATCH --job-name=ganlab-sweep
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
#SBATCH --time=12:00:00
#SBATCH --signal=USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append

folder=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's|^ *Command=\(.*\)/sweep\.sh.*|\1|p' | head -n 1)
source "$folder/launch.sh"

sweep=${1:?sbatch --array=1-N slurm/sweep.sh SWEEP}
if [ -f "$sweep" ]; then
    launch sweep "$@"
    exit
fi

export GANLAB_CLAIM=$SLURM_SUBMIT_DIR/.ganlab/${sweep//\//-}/${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}_${SLURM_ARRAY_TASK_ID:-0}
if [ -f "$GANLAB_CLAIM" ]; then
    source "$GANLAB_CLAIM"
    exit
fi
# The agent calls `ganlab`, and finds the one that writes the claim and trains on the whole allocation.
export GANLAB=$ganlab SLURM_SCRIPTS=$folder
PATH=$folder/agent:$PATH wandb agent --forward-signals --count 1 "$sweep"
