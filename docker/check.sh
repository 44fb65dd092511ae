#!/usr/bin/env bash
# Build the image where no container engine runs, and train a little in it.
#   docker/check.sh            as root, with buildah and debootstrap (Debian: apt-get install buildah debootstrap)
# BASE=IMAGE takes that base instead of a Debian made here; BASE_FILES=DIR puts DIR's files over the one made
# here (a site's pip.conf or certificates); WORK=DIR keeps images and base there between calls.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
work=${WORK:-$(mktemp -d)}
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
buildah() { command buildah --root "$work/storage" --runroot "$work/run" "$@"; }

if [ -z "${BASE:-}" ]; then
    BASE=localhost/debian-base
    [ -d "$work/rootfs" ] || debootstrap --variant=minbase --include=ca-certificates bookworm "$work/rootfs"
    [ -z "${BASE_FILES:-}" ] || cp -a "$BASE_FILES/." "$work/rootfs/"
    printf 'FROM scratch\nCOPY rootfs /\nCMD ["/bin/bash"]\n' > "$work/Dockerfile"
    buildah bud --quiet --tag "$BASE" "$work"
fi
buildah bud --layers --file docker/Dockerfile --build-arg "BASE=$BASE" --tag ganlab .

container=$(buildah from ganlab)
inside() { buildah run "$container" -- "$@"; }
[ "$(inside id -un)" = ganlab ] || { echo "the image runs as $(inside id -un), not as ganlab"; exit 1; }
inside ganlab --version
inside ganlab doctor
inside ganlab train budget.images=2000 evaluation=none wandb.mode=disabled run.name=check
inside ganlab sample runs/check -n 4 --out grid.png
inside test -s grid.png
buildah images
