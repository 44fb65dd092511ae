#!/bin/bash
# One training run:           sbatch slurm/train.sh experiment=cifar10 objective=wgan_gp
# Two nodes of four GPUs:     sbatch --nodes=2 --gpus-per-node=4 --ntasks-per-node=4 slurm/train.sh ...
# Line i of a file for task i: sbatch --array=1-4 slurm/train.sh @settings.txt ...
# More of an old run:         sbatch slurm/train.sh runs/NAME budget.images=1000000
# What stands on sbatch's command line wins over the lines below; see README.md beside this file.
#SBATCH --job-name=ganlab
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
#SBATCH --time=12:00:00
#SBATCH --signal=USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append

folder=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's|^ *Command=\(.*\)/train\.sh.*|\1|p' | head -n 1)
source "$folder/launch.sh"

words=()
for word in "$@"; do
    case $word in
        @*) mapfile -t -O "${#words[@]}" words < <(sed -n "${SLURM_ARRAY_TASK_ID:?$word needs sbatch --array}p" "${word#@}" | xargs -n 1) ;;
        *) words+=("$word") ;;
    esac
done

launch train "${words[@]}"
