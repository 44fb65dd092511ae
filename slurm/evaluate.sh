#!/bin/bash
# Measure runs, one after another: sbatch slurm/evaluate.sh runs/A runs/B evaluation=inception evaluation.n_fake=50000
# ... each on several GPUs:        sbatch --gpus-per-node=4 --ntasks-per-node=4 slurm/evaluate.sh ...
# ... or one run in each task:     sbatch --array=0-1 slurm/evaluate.sh runs/A runs/B ...
# What stands on sbatch's command line wins over the lines below; see README.md beside this file.
#SBATCH --job-name=ganlab-evaluate
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --open-mode=append

folder=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's|^ *Command=\(.*\)/evaluate\.sh.*|\1|p' | head -n 1)
source "$folder/launch.sh"

runs=() options=()
for word in "$@"; do
    if [ -e "$word" ]; then runs+=("$word"); else options+=("$word"); fi
done
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    runs=("${runs[@]:$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN)):1}")
fi
if [ ${#runs[@]} -eq 0 ]; then
    echo "ganlab: no run to measure: sbatch slurm/evaluate.sh runs/NAME [key=value ...]" >&2
    exit 1
fi

failed=0
for run in "${runs[@]}"; do
    launch evaluate "$run" "${options[@]}" || failed=$?
done
exit "$failed"
