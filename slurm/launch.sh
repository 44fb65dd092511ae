# shellcheck shell=bash
# Sourced by the batch scripts beside it: `launch WORDS...` runs `ganlab WORDS...`, one task for each device.
#
# GANLAB            the command, if it is not `ganlab` on the PATH or in .venv of the folder of submission
# GANLAB_CONTAINER  an image to run it in: a .sif file through Apptainer, else what pyxis takes
# GANLAB_MOUNTS     more folders for the container to see, commas between them (the folder of submission is seen)

set -uo pipefail
# Warnings and terminations are for the tasks, which save and stop; the shell outlives them to pass on how they ended.
trap : USR1 TERM

devices=${SLURM_NTASKS_PER_NODE:-1}
if [ "${SLURM_GPUS_ON_NODE:-$devices}" != "$devices" ]; then
    echo "ganlab: $SLURM_GPUS_ON_NODE GPUs but $devices tasks on a node; give sbatch --ntasks-per-node=$SLURM_GPUS_ON_NODE" >&2
    exit 1
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}
export PYTHONUNBUFFERED=1  # what a killed task has said is in the job's output

# Ranks meet at the first node: by its address, which works where node names are not resolved, and at a port
# that is free now. Two jobs on one node start to look from different ones.
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(scontrol --oneliner show node "$first" | sed -n 's/.* NodeAddr=\([^ ]*\).*/\1/p')
port=$((15000 + SLURM_JOB_ID % 10000))
while (exec 3<> "/dev/tcp/$address/$port") 2> /dev/null; do port=$((port + 1)); done
export MASTER_ADDR=${MASTER_ADDR:-$address} MASTER_PORT=${MASTER_PORT:-$port}

ganlab=${GANLAB:-$(command -v ganlab || echo "$SLURM_SUBMIT_DIR/.venv/bin/ganlab")}
in_srun=() around=()
if [ -n "${GANLAB_CONTAINER:-}" ]; then
    ganlab=${GANLAB:-ganlab}
    # The image's own cache folder cannot be written on a cluster.
    mounts=$SLURM_SUBMIT_DIR${GANLAB_CACHE:+,$GANLAB_CACHE}${GANLAB_MOUNTS:+,$GANLAB_MOUNTS}
    export GANLAB_CACHE=${GANLAB_CACHE:-$SLURM_SUBMIT_DIR/.ganlab/cache}
    mkdir -p "$GANLAB_CACHE"
    case $GANLAB_CONTAINER in
        *.sif)
            around=(apptainer exec --nv --bind "$mounts" --pwd "$SLURM_SUBMIT_DIR"
                --env "GANLAB_CACHE=$GANLAB_CACHE" "$GANLAB_CONTAINER")
            ;;
        *)
            in_srun=("--container-image=$GANLAB_CONTAINER" "--container-workdir=$SLURM_SUBMIT_DIR"
                "--container-mounts=$(sed 's/[^,]*/&:&/g' <<< "$mounts")" --container-env=GANLAB_CACHE)
            ;;
    esac
fi

export GANLAB_REQUEUE=$SLURM_SUBMIT_DIR/.ganlab/requeue-$SLURM_JOB_ID
mkdir -p "${GANLAB_REQUEUE%/*}"
rm -f "$GANLAB_REQUEUE"

# A warning must not end a task that does not listen yet: ganlab does as soon as it runs.
# It asks SLURM itself to requeue the job, unless a container hides scontrol from it; then it leaves a note.
launch() {
    srun --kill-on-bad-exit=1 --ntasks-per-node="$devices" --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
        "${in_srun[@]}" bash -c 'trap "" USR1; exec "$@"' task "${around[@]}" "$ganlab" "$@"
    local code=$?
    if [ -e "$GANLAB_REQUEUE" ]; then
        rm "$GANLAB_REQUEUE"
        scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
    fi
    return "$code"
}
