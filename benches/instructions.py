#!/usr/bin/env python3
"""Instructions that the hot loops take for a byte, against the figures kept in instructions.json.

    benches/instructions.py                compares; more than 20 % above fails
    benches/instructions.py --record       keeps the figures of this build

Times say little on a machine that others use; instructions say the same everywhere. They are counted by `perf stat` where the
processor lets it, else by valgrind. Each input is scanned short and long and the difference counted, so that the start costs
nothing. Inputs are made up here, the same every time. Needs a release build.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
KEPT = Path(__file__).with_suffix(".json")
TOLERANCE = 0.20
RECORDS, ROWS = 5_000, 12_000
NAMES = ("Martin", "Bernard", "Petit", "Durand", "Moreau", "Simon", "Leroy", "Roux", "Faure", "Blanc")


def mix(x):
    mask = (1 << 64) - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & mask
    return x ^ x >> 31


def person(no):
    h = mix(no)
    last, first = NAMES[h % 10], NAMES[h // 10 % 10]
    return [last, first, f"{first.lower()}.{last.lower()}{no}@mail.example", f"+336{h // 100 % 10**8:08}",
            f"{1940 + h % 60}-{h // 60 % 12 + 1:02}-{h // 720 % 28 + 1:02}", f"{h // 7 % 95_000 + 1000:05}"]


def rows(count, ours):
    """Rows of a dump, so many of a hundred of them ours."""
    return [person(mix(i) % RECORDS if mix(i + 7) % 100 < ours else 10**9 + i) for i in range(count)]


def inputs():
    """For each case, lines that are cut to a short and a long input."""
    table = lambda ours: [",".join(row) + "\n" for row in rows(ROWS, ours)]
    prose = ["the quick brown fox waits for the bus in the rain, line {} of the log\n", "2026-03-04T05:06:07Z INFO request id={:016x} status=200\n",
             "    let value = compute(&buffer[..{}])?; // see the note above\n"]
    return {
        "dump": table(1),
        "dump of ours": table(100),
        "combo": [f"{row[2]}:{mix(i):016x}\n" for i, row in enumerate(rows(ROWS, 1))],
        "text": [prose[i % 3].format(mix(i) % 10**6) for i in range(ROWS)],
    }


def by_perf(command):
    done = subprocess.run(["perf", "stat", "-x", ",", "-e", "instructions:u", "--", *command], capture_output=True, text=True)
    counted = re.search(r"^(\d+),[^,]*,instructions", done.stderr, re.M)
    return int(counted[1]) if done.returncode == 0 and counted else None


def by_valgrind(command):
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(["valgrind", "--tool=none", "--quiet", "true"], capture_output=True)
        if done.returncode:
            return None
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", *command], capture_output=True, text=True)
        counted = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
        return int(counted[1]) if done.returncode == 0 and counted else None


def counter():
    """What can count here, with its name."""
    tries = [("perf", by_perf), ("valgrind", by_valgrind)]
    return next(((name, count) for name, count in tries if shutil.which(name) and count(["true"])), None)


def measure(vigie, count, folder):
    def run(*arguments):
        subprocess.run([vigie, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    key, lists, export = folder / "key", folder / "lists", folder / "export.csv"
    run("key", "generate", "--out", key)
    (lists / "bulk").mkdir(parents=True)
    kinds = ("last_name", "first_name", "email", "phone", "birth_date", "postcode")
    (lists / "bulk/watchlist.toml").write_text('id = "bulk"\n[columns]\n' + "".join(f'{kind} = "{kind}"\n' for kind in kinds))
    export.write_text(",".join(kinds) + "\n" + "".join(",".join(person(i)) + "\n" for i in range(RECORDS)))
    run("watchlist", "build", lists / "bulk", "--snapshot", "2026-06-01", "--key-file", key, export)
    figures = {}
    for name, lines in inputs().items():
        counts = []
        for part in (lines[: ROWS // 6], lines):
            path = folder / "input.txt"
            path.write_text("".join(part))
            # In this process and on one thread: a counter that follows no children counts all.
            counts.append((count([str(vigie), "scan", "--no-sandbox", "--watchlists", str(lists), "--key-file", str(key), str(path)]), path.stat().st_size))
        (short, short_bytes), (long, long_bytes) = counts
        if not short or not long:
            sys.exit(f"{name}: the scan failed under the counter; hint: run it by itself")
        figures[name] = round((long - short) / (long_bytes - short_bytes), 1)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vigie", default=TOP / "target/release/vigie", type=Path)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    found = counter()
    if not found:
        print("instructions: neither perf nor valgrind can count here; not compared")
        return 0
    os.environ["RAYON_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.vigie.resolve(), found[1], Path(folder))
    if options.record:
        KEPT.write_text(json.dumps(figures, indent=2) + "\n")
    kept = json.loads(KEPT.read_text())
    worse = False
    for name, figure in figures.items():
        change = figure / kept[name] - 1
        worse |= change > TOLERANCE
        verdict = "TOO MANY" if change > TOLERANCE else "fewer: record it" if change < -TOLERANCE else "ok"
        print(f"instructions a byte, {name}: {figure} (kept: {kept[name]}, {change:+.0%}, by {found[0]}) {verdict}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
