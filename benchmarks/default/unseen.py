"""A pool without the compounds of the labelled file: python unseen.py ULBS.csv.gz ULBS_META.csv.gz OUT.csv

Leaves out every row whose formula is that of a labelled compound, or whose pattern is nearly one's (`max_blurcos_lbs` of 0.9 and more).
"""
import csv
import gzip
import sys

with gzip.open(sys.argv[2], "rt") as file:
    out = {row["name"] for row in csv.DictReader(file) if row["formula_in_lbs"] == "1" or float(row["max_blurcos_lbs"]) >= 0.9}
kept = 0
with gzip.open(sys.argv[1], "rt") as lines, open(sys.argv[3], "w") as to:
    header = next(lines)
    to.write(header)
    name = header.split(",").index("name")
    for line in lines:
        if line.split(",", name + 1)[name] not in out:
            to.write(line)
            kept += 1
print(f"{kept} rows kept, {len(out)} left out")
