#!/usr/bin/env bash
# What a GPU is best used for while there is one: first the GPU rows of the benchmarks,
# then a training of the default network for the rest of the time. A run that was cut
# goes on where it stopped: give the same folder again.
# usage: train_on_gpu.sh MINUTES [FOLDER]
#   DRY=1      the same steps on the CPU, tiny, writing nothing outside FOLDER
#   START=...  checkpoint to start from; from scratch without
#   PYTHON=... the interpreter; .venv/bin/python without
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,9p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
minutes=$1
folder=$(realpath -m "${2:-gpu-out}")
python=${PYTHON:-.venv/bin/python}
begun=$(date +%s)
mkdir -p "$folder"

device=cuda width=32 batch=16 pool=768 try=40 part=19M
[ -z "${DRY:-}" ] || { device=cpu width=2 batch=2 pool=16 try=2 part=20K; }
[ "$device" = cpu ] || "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
  { echo "torch sees no CUDA GPU here; DRY=1 tries the script on the CPU"; exit 1; }

left() { # seconds until the end of the time
  echo $((begun + ${minutes%.*} * 60 - $(date +%s)))
}

step() { # a step that failed once does not cost the others their time
  printf '== %s\n' "$*"
  timeout "$(($(left) > 60 ? $(left) : 60))" "$@" || printf 'FAILED (%s): %s\n' "$?" "$*"
}

# --- rows of the benchmarks; each keeps what is done
if [ ! -f "$folder/rows-done" ]; then
  if [ -n "${DRY:-}" ]; then
    step "$python" benchmarks/train.py --parts segment --frames 2 --dry
  else
    step "$python" benchmarks/train.py --setting cuda
    step "$python" benchmarks/synthesis_speed.py
    step "$python" benchmarks/flow_speed.py
    step "$python" benchmarks/render.py
  fi
  touch "$folder/rows-done"
fi

# --- as many steps as fit, measured once; a resumed run keeps their number
train=("$python" -m napari_motionseg train-masks --recipe coronary --seed 1
  --device "$device" --width "$width" --batch "$batch" --pool "$pool")
[ -z "${DRY:-}" ] || train+=(--crop 64)
[ -z "${START:-}" ] || train+=(--start "$START")
if [ ! -f "$folder/steps" ]; then
  room=$(mktemp -d)
  trap 'rm -rf "$room"' EXIT
  trial() { "${train[@]}" --pool 16 --steps "$1" --out "$room/$1.safetensors"; }
  one=$(date +%s%N)
  trial 2
  two=$(date +%s%N)
  trial $((2 + try))
  three=$(date +%s%N)
  each=$((((three - two) - (two - one)) / 1000000 / try)) # ms; start and pool cancel
  steps=$(($(left) * 900 / (each > 1 ? each : 1))) # nine tenths of the time
  [ -z "${DRY:-}" ] || steps=3
  echo $((steps > 1 ? steps : 1)) >"$folder/steps"
fi
steps=$(<"$folder/steps")
resume=()
[ ! -f "$folder/vessels.state.safetensors" ] || resume=(--resume)
printf '== %s steps, %s s left\n' "$steps" "$(left)"
# at the end of the time, Ctrl-C: the training keeps its state and the result so far
timeout --signal=INT --kill-after=120 "$(($(left) > 60 ? $(left) : 60))" \
  "${train[@]}" --steps "$steps" --save-every 100 "${resume[@]}" \
  --out "$folder/vessels.safetensors" || printf 'stopped (%s)\n' "$?"

# --- parts that are small enough to be carried anywhere, and their sum
cd "$folder"
if [ -f vessels.safetensors ]; then
  rm -f vessels.safetensors.part-*
  split -b "$part" -d vessels.safetensors vessels.safetensors.part-
  sha256sum vessels.safetensors >vessels.safetensors.sha256
  ls -l vessels.safetensors*
  echo "join: cat vessels.safetensors.part-* > vessels.safetensors; sha256sum -c vessels.safetensors.sha256"
fi
