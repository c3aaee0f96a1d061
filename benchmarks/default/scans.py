"""Labelled patterns as a diffractometer would measure them: python scans.py LBS.csv PAPER_SPLITS.json OUT_DIR [--SETTING VALUE …]

The sticks of the published file become lines of a Kα1/Kα2 doublet with a pseudo-Voigt shape, on a background, from
10° to 90° in steps of 0.02°, one text file (.xy) for each development row; the 19 held-out rows stay out. Settings:

  width     full width at half height, degrees                               [0.12]
  strain    every row's d-spacings times 1 + U(−x, x)                        [0]
  texture   every stick times exp(N(0, x))                                   [0]
  impurity  sticks of another compound of the file, its strongest x times    [0]
  counts    Poisson noise, the strongest point having x counts; 0 for none   [0]
  background  over the strongest point, falling exponentially with the angle [0.05]
  displacement  two-theta plus U(−x, x)·cos θ, degrees                       [0]

What it leaves out: widths that depend on the angle, the order of texture, amorphous humps. Standard library only.
"""
import csv
import json
import math
import os
import random
import sys

POINTS, STEP, FIRST, LAST = 4500, 0.02, 10.0, 90.0  # without the last grid point, which gives the label away
MEAN, ALPHA1, ALPHA2 = 1.54184, 1.540593, 1.544427  # Å; the published sticks are at the mean
SETTINGS = dict(width=0.12, strain=0.0, texture=0.0, impurity=0.0, counts=0.0, background=0.05, displacement=0.0)
TAIL = 12.0  # widths on either side of a line; beyond it a Lorentzian has less than 0.2 % of its height


def line(intensities, position, height, width):
    low = max(0, math.ceil((position - TAIL * width - FIRST) / STEP))
    high = min(len(intensities) - 1, math.floor((position + TAIL * width - FIRST) / STEP))
    for i in range(low, high + 1):
        x = ((FIRST + i * STEP - position) / (width / 2)) ** 2
        intensities[i] += height * 0.5 * (1 / (1 + x) + math.exp(-math.log(2) * x))


def scan(sticks, impurity, s, rng):
    values = [0.0] * (round((LAST - FIRST) / STEP) + 1)
    stretch, shift = 1 + rng.uniform(-1, 1) * s["strain"], rng.uniform(-1, 1) * s["displacement"]
    for source, scale in ((sticks, 1.0), (impurity, s["impurity"])):
        for angle, height in source if scale > 0 else ():
            height *= scale * math.exp(rng.gauss(0, s["texture"]))
            sine = math.sin(math.radians(angle / 2)) / MEAN / (stretch if source is sticks else 1)
            for wavelength, share in ((ALPHA1, 2 / 3), (ALPHA2, 1 / 3)):
                if sine * wavelength < 1:
                    theta = math.asin(sine * wavelength)
                    line(values, 2 * math.degrees(theta) + shift * math.cos(theta), share * height, s["width"])
    most = max(values)
    values = [v / most + s["background"] * math.exp(-i * STEP / 25) for i, v in enumerate(values)]
    if s["counts"] > 0:
        # Poisson; normal above 50, where the two differ by less than a count.
        values = [poisson(v * s["counts"], rng) for v in values]
    return values


def poisson(mean, rng):
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, product, limit = 0, rng.random(), math.exp(-mean)
    while product > limit:
        count, product = count + 1, product * rng.random()
    return count


def main(table, published, output, *options):
    s = dict(SETTINGS)
    for name, value in zip(options[::2], options[1::2]):
        if name.removeprefix("--") not in s:
            sys.exit(f"there is no setting {name}; there are {', '.join(s)}")
        s[name.removeprefix("--")] = float(value)
    with open(published) as file:
        held_out = set(json.load(file)["held_out"])
    with open(table) as file:
        rows = [row for row in list(csv.reader(file))[1:] if row[2] not in held_out]
    sticks = [[(i * STEP, float(v)) for i, v in enumerate(row[5 : 5 + POINTS]) if float(v) > 0] for row in rows]
    os.makedirs(output, exist_ok=True)
    for number, row in enumerate(rows):
        rng = random.Random(number)
        other = sticks[(number + 1 + rng.randrange(len(rows) - 1)) % len(rows)]
        values = scan(sticks[number], other, s, rng)
        with open(os.path.join(output, row[2].replace("/", "_") + ".xy"), "w") as file:
            file.writelines(f"{FIRST + i * STEP:.2f} {value:.6g}\n" for i, value in enumerate(values))
    print(f"{len(rows)} scans in {output}")


if __name__ == "__main__":
    main(*sys.argv[1:])
