"""Encoders: python pretrain.py ULBS.csv.gz mobility.npz SETTING VARIANTS SEED …

SETTING is one of SETTINGS, VARIANTS are names of `encoders.variants` with commas between them, or "all".
Writes e_SETTING_VARIANT_SEED.npz with the features of labelled rows and of the pool.
"""
import sys
import time

import numpy as np

from encoders import features, train, variants

SETTINGS = {
    "preset": {},
    "longer": {"epochs": 60},
    "wider": {"hidden": (1024, 512)},
    "denser": {"width": 5},
}

if __name__ == "__main__":
    found, systems = variants(*sys.argv[1:3])
    setting, names = sys.argv[3], list(found) if sys.argv[4] == "all" else sys.argv[4].split(",")
    for seed in map(int, sys.argv[5:]):
        start = time.time()
        models = train(seed, {name: found[name] for name in names}, np.arange(len(systems)), **SETTINGS[setting])
        for name, model in models.items():
            f, u = features(model, SETTINGS[setting].get("width", 10))
            np.savez(f"e_{setting}_{name.replace(' ', '_')}_{seed}.npz", f=f, u=u)
        print(setting, seed, f"{time.time() - start:.0f} s", flush=True)
