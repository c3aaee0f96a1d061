#!/usr/bin/env bash
# Settings on the same splits, with the same encoders, beside `default`:
# algorithms.sh LBS.csv ULBS.csv.gz SPLITS.json EXPERIMENTS DEFAULT_RUN INTO_DIR [xrdmatch [FURTHER_ARGUMENTS]]
# DEFAULT_RUN is a run of the preset on these splits, with FURTHER_ARGUMENTS such as --structures FILE. Every
# other run takes its encoders, which do not depend on what is varied, and is compared with it.
set -euo pipefail
lbs=$1; ulbs=$2; splits=$3; experiments=$4; default=$5; into=$6; x=${7:-xrdmatch}; shift $(($# < 7 ? $# : 7)); further=("$@")
mkdir -p "$into"
beside() { # NAME SETTINGS
  local run="$into/$1"; shift
  local words=(train --labeled "$lbs" --unlabeled "$ulbs" --splits "$splits" --experiments "$experiments" --run "$run"
    --no-baselines --no-summary --quiet "${further[@]}" "$@")
  if [ ! -e "$run/encoder.json" ]; then
    # Begun and ended at once, so that the run has its settings, and encoders can be laid beside them.
    "$x" "${words[@]}" & local pid=$!
    until [ -e "$run/manifest.json" ]; do sleep 0.05; done
    kill -TERM $pid; wait $pid || true
    [ -e "$run/encoder.json" ] || cp "$default"/encoder.{safetensors,json} "$run"
  fi
  /usr/bin/time -f '%U s of processor time' "$x" "${words[@]}"
}
for name in $("$x" algorithms --json | python3 -c 'import json, sys; [print(a["name"]) for a in json.load(sys.stdin)]'); do
  echo "$name"; beside "$name" --algorithm "$name"
done
"$x" compare "$default" "$into"/* --quiet
