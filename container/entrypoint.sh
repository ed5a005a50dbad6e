#!/usr/bin/env bash
# Segment loops and write DICOM Segmentations, from a folder to a folder or from a
# DICOMweb archive back into it. What a container runs; needs `motionseg` alone.
#
# usage: entrypoint.sh [FOLDER | ADDRESS]
#
# FOLDER   is read, by default INPUT; results go to the folder OUTPUT.
# ADDRESS  https://...: the series that FIND selects are got, such as
#          FIND="--patient 4711 --date 2026-11-28", and the results sent back.
#
# Runners name the folders in their own way: mercure by MERCURE_IN_DIR and
# MERCURE_OUT_DIR, MONAI Deploy by HOLOSCAN_INPUT_PATH and HOLOSCAN_OUTPUT_PATH. MODEL
# names a checkpoint, SEGMENT further options of `motionseg segment`.
set -euo pipefail

input=${INPUT:-${MERCURE_IN_DIR:-${HOLOSCAN_INPUT_PATH:-/input}}}
output=${OUTPUT:-${MERCURE_OUT_DIR:-${HOLOSCAN_OUTPUT_PATH:-/output}}}
source=${1:-$input}
read -r -a find <<<"${FIND:-}"
read -r -a options <<<"${SEGMENT:-}"

say() { printf 'motionseg container: %s\n' "$*" >&2; }

# segment FOLDER OUT
segment() {
  motionseg segment "$1" --model "${MODEL:-default}" --format dicom-seg --out "$2" \
    "${options[@]}"
}

case $source in
  -h | --help)
    sed -n '2,16s/^# \{0,1\}//p' "$0"
    ;;
  http://* | https://*)
    [ ${#find[@]} -gt 0 ] || {
      say "set FIND to the series that are segmented, such as FIND='--patient 4711'"
      exit 2
    }
    room=$(mktemp -d)
    trap 'rm -rf "$room"' EXIT
    motionseg archive get --archive "$source" "${find[@]}" --out "$room/loops"
    # a loop that cannot be read does not keep the others from being sent
    code=0
    segment "$room/loops" "$room/masks" || code=$?
    if compgen -G "$room/masks/*.dcm" >/dev/null; then
      motionseg archive put --archive "$source" "$room/masks"
    fi
    exit "$code"
    ;;
  *)
    [ -d "$source" ] || {
      say "$source: is no folder and no https address"
      exit 2
    }
    segment "$source" "$output"
    ;;
esac
