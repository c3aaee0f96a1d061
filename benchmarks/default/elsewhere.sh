#!/usr/bin/env bash
# The default preset, untuned, on other data: elsewhere.sh STRUCTURES.jsonl.gz META.csv.gz WORK_DIR [xrdmatch]
# Prints one line of JSON for each setting: rows, labels, macro-F1, AUC, seconds, memory.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$3; x=${4:-xrdmatch}
mkdir -p "$work"
python3 "$here/elsewhere.py" "$1" "$2" "$work"
cd "$work"
table() { # NAME STRUCTURES FURTHER_ARGUMENTS
  local name=$1 structures=$2; shift 2
  [ -e "$name" ] || "$x" simulate "$structures" -o "$name" --quiet "$@"
}
labelled() { # LABELS TABLE OUT
  [ -e "$3" ] || python3 "$here/labelled.py" "$1" "$2" "$3"
}
run() { # NAME LABELLED UNLABELLED FURTHER_ARGUMENTS
  local name=$1 labelled=$2 unlabelled=$3; shift 3
  /usr/bin/time -f '%e %U %M' -o "$name.time" "$x" train --labeled "$labelled" --unlabeled "$unlabelled" \
    --experiments 0..10 --no-baselines --quiet --json --run "run_$name" "$@" > "$name.json"
  python3 - "$name" <<'P'
import json, sys
name = sys.argv[1]
experiments = [e["evaluation"] for e in json.load(open(f"{name}.json"))["experiments"]]
mean = lambda of: sum(map(of, experiments)) / len(experiments)
wall, user, kilobytes = open(f"{name}.time").read().split()
print(json.dumps({"run": name, "evaluated": experiments[0]["samples"],
    "macro_f1": round(mean(lambda e: e["macro_average"]["f1"]), 3), "auc": round(mean(lambda e: e["auc"]), 3),
    "wall_s": float(wall), "cpu_s": float(user), "peak_mb": round(int(kilobytes) / 1000)}), flush=True)
P
}
table lab.csv labelled.jsonl; table pool.parquet pool.jsonl
for task in two three; do labelled $task.csv lab.csv lab_$task.csv; done
run two lab_two.csv pool.parquet
run three lab_three.csv pool.parquet --set classes=3
for count in 3 5 20 100 250; do run "labels_$((2 * count))" lab_two.csv pool.parquet --labeled-per-class $count; done
for size in 100 1000 100000; do
  table pool_$size.parquet pool_$size.jsonl
  run pool_$size lab_two.csv pool_$size.parquet
done
table lab_coarse.csv labelled.jsonl --grid 10:0.05:80; table pool_coarse.parquet pool.jsonl --grid 10:0.05:80
labelled two.csv lab_coarse.csv lab_coarse_two.csv
run coarse_grid lab_coarse_two.csv pool_coarse.parquet --grid 10:0.05
table lab_mo.csv labelled.jsonl --wavelength MoKa --grid 0:0.02:60; table pool_mo.parquet pool.jsonl --wavelength MoKa --grid 0:0.02:60
labelled two.csv lab_mo.csv lab_mo_two.csv
run molybdenum lab_mo_two.csv pool_mo.parquet
