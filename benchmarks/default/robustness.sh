#!/usr/bin/env bash
# What a run says of its development rows when they are rendered as measured scans and imported again:
# robustness.sh LBS.csv PAPER_SPLITS.json RUN WORK_DIR [xrdmatch]. RUN was trained on development draws.
# Prints the settings, and over experiments the mean of macro-F1 and AUC on all development rows not trained on.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lbs=$1; splits=$2; run=$3; work=$4; x=${5:-xrdmatch}
mkdir -p "$work"
score() { # NAME TABLE
  "$x" evaluate "$run" --data "$2" --json > "$work/$1.json"
  python3 - "$1" "$work/$1.json" <<'P'
import json, sys
all = [e["evaluation"] for e in json.load(open(sys.argv[2]))]
f1 = sum(e["macro_average"]["f1"] for e in all) / len(all)
print(f"{sys.argv[1]:40s} macro-F1 {f1:.3f}  AUC {sum(e['auc'] for e in all) / len(all):.3f}", flush=True)
P
}
level() { # SETTING VALUE … on top of the usual scan
  local name; name=$(echo "$*" | tr -d '-' | tr ' ' '_'); name=${name:-scan}
  rm -rf "$work/scans"
  python3 "$here/scans.py" "$lbs" "$splits" "$work/scans" --counts 5000 "$@" > /dev/null
  "$x" import "$work/scans" -o "$work/scan.csv" --quiet --background 1.5 ${IMPORT:-}
  python3 "$here/labelled.py" "$lbs" "$work/scan.csv" "$work/$name.labelled.csv"
  score "$name${IMPORT:+_sticks}" "$work/$name.labelled.csv"
}
# The sticks themselves, the same rows.
python3 - "$lbs" "$splits" "$work/plain.csv" <<'P'
import csv, json, sys
held_out = set(json.load(open(sys.argv[2]))["held_out"])
rows = list(csv.reader(open(sys.argv[1])))
csv.writer(open(sys.argv[3], "w", newline="")).writerows(r for i, r in enumerate(rows) if i == 0 or r[2] not in held_out)
P
score plain "$work/plain.csv"
level
IMPORT=--sticks level
for strain in 0.005 0.01 0.02 0.04; do level --strain $strain; done
for texture in 0.25 0.5 1; do level --texture $texture; done
for impurity in 0.05 0.1 0.25 0.5; do level --impurity $impurity; done
for counts in 1000 300 100; do level --counts $counts; done
for width in 0.3 0.6; do level --width $width; done
level --displacement 0.2
level --strain 0.01 --texture 0.5 --impurity 0.1 --counts 1000
