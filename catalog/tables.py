"""The tables of the seed catalog: their columns, how they are read and written, and what a row means."""

import csv
import fnmatch
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))

CLASSES = ("prompt completion cached cache_write cache_write_long reasoning audio_input audio_output image_input "
           "image_output").split()
UNITS = "per_request per_image per_second per_character per_query".split()
COLUMNS = {
    "models": "id name kind context_length max_output inputs outputs capabilities created knowledge open_weights "
              "fallbacks description source facts".split(),
    "endpoints": ["model", "provider", "variant", "upstream_model", "off", *CLASSES, *UNITS, "tiers", "context_length",
                  "max_output", "quantization", "lacks", "retains_data", "retires", "notes", "source", "date"],
    "aliases": "id models wants sort listed".split(),
    "synths": "id name preset code generic panel judges finals panel_tokens judge_tokens final_tokens created description".split(),
    "gates": "models gates efforts budget source".split(),
    "keys": "provider variable".split(),
}


def die(text):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {text}")


def order(name):
    """What the rows of a table are sorted by; of gates the first that fits counts, so their order is their own."""
    return {"models": lambda r: r["id"], "aliases": lambda r: r["id"], "synths": lambda r: r["id"],
            "keys": lambda r: r["provider"],
            "endpoints": lambda r: (r["model"], r["provider"], r["off"] != "", r["variant"], r["upstream_model"])
            }.get(name)


def read(name, directory=HERE):
    path = os.path.join(directory, name + ".csv")
    with open(path, newline="") as f:
        rows = list(csv.reader(f))
    if not rows or rows[0] != COLUMNS[name]:
        die(f"{path}:1: the columns are {','.join(COLUMNS[name])}")
    out = []
    for n, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            die(f"{path}:{n}: has {len(row)} columns instead of {len(rows[0])}")
        out.append(dict(zip(rows[0], row)))
    key = order(name)
    for n in range(1, len(out)):
        if key and key(out[n - 1]) > key(out[n]):
            die(f"{path}:{n + 2}: the rows are not sorted here")
    return out


def write(name, rows, directory=HERE):
    key = order(name)
    with open(os.path.join(directory, name + ".csv"), "w", newline="") as f:
        w = csv.DictWriter(f, fieldnames=COLUMNS[name], lineterminator="\n")
        w.writeheader()
        w.writerows(sorted(rows, key=key) if key else rows)


def gates_of(model, gates):
    """The first row whose pattern fits, or None."""
    return next((g for g in gates if fnmatch.fnmatchcase(model, g["models"])), None)
