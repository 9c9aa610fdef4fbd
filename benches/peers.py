#!/usr/bin/env python3
"""vigie against what a user would pick instead, in one run on one machine; writes docs/benchmarks.md.

    just bench-peers                  small inputs: does it all work?
    just bench-peers --full           10 M records, 5 M rows, 1 GB of text: the figures that count (half an hour, 6 GB of disk)
    just bench-peers --huge           and 100 M records (16 GB of disk)

Needs a release build of vigie, rustc, and leaklab's bulk.rs ($SHARED or ../shared, or --bulk). duckdb, hyperscan and pyahocorasick
are installed by pip into a cache folder, grep and ripgrep are taken from the system. Only the standard library is used here.

Every program gets the same processors (by affinity), a time limit and a memory limit; a peer that exceeds one, or fails, is a row too.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
COLUMNS = {"ref": "ref", "last_name": "last_name", "first_name": "first_name", "email": "email", "mobile": "phone",
           "birth_date": "birth_date", "postcode": "postcode", "iban": "iban"}


class Run:
    """What one program took: seconds, peak bytes, what it printed; or why there is nothing."""

    def __init__(self, seconds, peak, output, fault):
        self.seconds, self.peak, self.output, self.fault = seconds, peak, output, fault


def measure(command, threads, limits, rounds=1, env=None, ok=(0,), to=None):
    """Runs a command, best of some rounds. `to`: a file for its output."""
    best = None
    for _ in range(rounds):
        run = once([str(part) for part in command], threads, limits, env or {}, ok, to)
        if run.fault:
            return run
        if best is None or run.seconds < best.seconds:
            best = run
    return best


def once(command, threads, limits, env, ok, to):
    seconds_limit, bytes_limit = limits
    processors = sorted(os.sched_getaffinity(0))[:threads]

    def confine():
        os.setsid()
        os.sched_setaffinity(0, processors)
        if bytes_limit:
            resource.setrlimit(resource.RLIMIT_AS, (bytes_limit, bytes_limit))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=to or out, stderr=err, stdin=subprocess.DEVNULL, preexec_fn=confine,
                                 env={**os.environ, "LC_ALL": "C", "NO_COLOR": "1", **env})
        status = usage = None
        while usage is None:
            pid, status, usage_now = os.wait4(child.pid, os.WNOHANG)
            if pid:
                usage = usage_now
            elif time.perf_counter() - started > seconds_limit:
                os.killpg(child.pid, 9)
                os.wait4(child.pid, 0)
                child.returncode = -9
                return Run(seconds_limit, 0, "", f"not done after {seconds_limit} s")
            else:
                time.sleep(0.002)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        printed, said = out.read().decode(errors="replace"), err.read().decode(errors="replace").strip()
        if child.returncode not in ok:
            last = said.splitlines()[-1][:160] if said else "no message"
            return Run(seconds, usage.ru_maxrss * 1024, printed, f"failed ({child.returncode}): {last}")
        return Run(seconds, usage.ru_maxrss * 1024, printed, None)


# What the Python peers run. Each prints one JSON object; times are taken inside, without start-up and imports.
DUCKDB = """
import duckdb, json, sys, time
base, threads, task, path = sys.argv[1:5]
db = duckdb.connect(base)
db.execute("SET enable_progress_bar=false")
db.execute(f"SET threads={threads}")
db.execute("SET memory_limit='%s'" % sys.argv[5])
started = time.perf_counter()
if task == "load":
    db.execute(f"CREATE OR REPLACE TABLE export AS SELECT * FROM read_csv('{path}', header=true, all_varchar=true)")
    rows = db.execute("SELECT count(*) FROM export").fetchone()[0]
elif task == "dump":
    rows = db.execute(f"SELECT count(*) FROM read_csv('{path}', header=true, all_varchar=true) d JOIN export e ON d.mail = e.email").fetchone()[0]
else:
    rows = db.execute(f"SELECT count(*) FROM (SELECT regexp_extract(line, '^([^:]+):', 1) AS mail FROM read_csv('{path}', header=false, delim='\\x01', quote='', columns={{'line': 'VARCHAR'}})) d JOIN export e ON d.mail = e.email").fetchone()[0]
print(json.dumps({"seconds": time.perf_counter() - started, "hits": rows}))
"""
HYPERSCAN = """
import hyperscan, json, sys, time
patterns = [line.rstrip(b"\\n") for line in open(sys.argv[1], "rb")]
text = open(sys.argv[2], "rb").read()
started = time.perf_counter()
db = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
db.compile(expressions=patterns, ids=list(range(len(patterns))), elements=len(patterns), literal=True, flags=hyperscan.HS_FLAG_SINGLEMATCH)
built = time.perf_counter()
hits = 0
def found(*_):
    global hits
    hits += 1
db.scan(text, match_event_handler=found)
print(json.dumps({"seconds": time.perf_counter() - built, "build": built - started, "hits": hits}))
"""
AHOCORASICK = """
import ahocorasick, json, sys, time
started = time.perf_counter()
automaton = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
for line in open(sys.argv[1], encoding="latin-1"):
    automaton.add_word(line.rstrip("\\n"))
automaton.make_automaton()
built = time.perf_counter()
text = open(sys.argv[2], encoding="latin-1").read()
hits = sum(1 for _ in automaton.iter(text))
print(json.dumps({"seconds": time.perf_counter() - built, "build": built - started, "hits": hits}))
"""
NEWLINES = """
import json, mmap, sys, time
with open(sys.argv[1], "rb") as file:
    text = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:]
best = 1e9
for _ in range(5):
    started = time.perf_counter(); lines = text.count(b"\\n"); best = min(best, time.perf_counter() - started)
print(json.dumps({"seconds": best, "hits": lines}))
"""


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.rows, self.commands, self.versions = [], [], {}
        self.python = self.peers()
        self.bulk = folder / "bulk"
        subprocess.run(["rustc", "-O", options.bulk, "-o", self.bulk], check=True)
        self.key = folder / "vigie.key"
        self.vigie("key", "generate", "--out", self.key)
        self.peer_limits = (options.limit_seconds, options.limit_gib << 30)

    # Programs

    def peers(self):
        """A Python with the peers in it; those that cannot be installed are missing from the table, with the reason."""
        cache = Path(os.environ.get("VIGIE_PEERS_VENV", Path.home() / ".cache/vigie-peers"))
        if not (cache / "bin/python").exists():
            subprocess.run([sys.executable, "-m", "venv", cache], check=True)
        for package in ("duckdb", "hyperscan", "pyahocorasick"):
            subprocess.run([cache / "bin/pip", "install", "-q", package], stderr=subprocess.DEVNULL)
        listed = subprocess.run([cache / "bin/pip", "list", "--format=json"], capture_output=True, text=True).stdout
        wanted = ("duckdb", "hyperscan", "pyahocorasick")
        self.versions = {p["name"].lower(): p["version"] for p in json.loads(listed) if p["name"].lower() in wanted}
        if not shutil.which("rg") and os.geteuid() == 0:
            subprocess.run(["apt-get", "install", "-qy", "ripgrep"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for program in ("grep", "rg"):
            if shutil.which(program):
                said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
                self.versions[program] = said.splitlines()[0]
        return cache / "bin/python"

    def vigie(self, *arguments, threads=None, rounds=1, to=None):
        run = measure([self.options.vigie, *arguments], threads or self.options.threads, (7200, None), rounds, to=to)
        if run.fault:
            sys.exit(f"vigie {' '.join(map(str, arguments))}: {run.fault}")
        return run

    def script(self, code, *arguments, threads=None):
        command = [self.python, "-c", code, *arguments]
        run = measure(command, threads or self.options.threads, self.peer_limits)
        if not run.fault:
            told = json.loads(run.output)
            run.seconds, run.told = told["seconds"], told
        return run

    def make(self, name, *arguments):
        path = self.folder / name
        if not path.exists():
            with open(path, "wb") as out:
                subprocess.run([self.bulk, *map(str, arguments)], stdout=out, check=True)
        return path

    def scan(self, lists, path, threads=None, refs=False):
        # The report goes to a file: with all rows ours it is no small thing to print.
        report = self.folder / "report.jsonl"
        with open(report, "wb") as out:
            run = self.vigie("scan", "--watchlists", lists, "--key-file", self.key, "--format", "jsonl",
                             *(["--refs"] if refs else []), path, threads=threads, rounds=self.options.rounds, to=out)
        with open(report, "rb") as lines:
            run.reports = [json.loads(line) for line in lines.read().splitlines()[-self.options.posts:]]
        return run

    def declare(self, lists, system, export, snapshot):
        folder = lists / system
        folder.mkdir(parents=True, exist_ok=True)
        columns = "".join(f'{header} = "{kind}"\n' for header, kind in COLUMNS.items())
        (folder / "watchlist.toml").write_text(f'id = "{system}"\n[columns]\n{columns}')
        return self.vigie("watchlist", "build", folder, "--snapshot", snapshot, "--key-file", self.key, export)

    # The table

    def row(self, what, figure, against, reach, good=None):
        mark = "" if good is None else (" ✓" if good else " ✗")
        self.rows.append((what, figure, against, reach + mark))
        print(f"{what}: {figure} | {against} | {reach}{mark}", flush=True)

    def everything(self):
        o = self.options
        self.export = self.make("export.csv", "export", o.records)
        self.lists = self.folder / "lists"
        self.base = self.folder / "export.duckdb"
        self.building()
        self.dump()
        self.masked()
        self.literal_searches()
        self.combo()
        self.text()
        self.many_indexes()
        self.posts()
        if o.huge:
            self.huge()

    def building(self):
        built = self.declare(self.lists, "bulk", self.export, "2026-06-01")
        index = self.lists / "bulk/2026-06-01.vfi"
        loaded = self.script(DUCKDB, self.base, self.options.threads, "load", self.export, f"{self.options.limit_gib}GB")
        size = index.stat().st_size / self.options.records
        figure = f"{built.seconds:.1f} s, {size:.1f} bytes a record, {built.peak >> 20} MiB"
        against, good = self.fault("DuckDB loads the CSV", loaded), None
        if not loaded.fault:
            against = f"DuckDB loads the CSV: {loaded.seconds:.1f} s; ratio {built.seconds / loaded.seconds:.2f}"
            good = built.seconds <= 2 * loaded.seconds and size <= 64
        self.row("building an index of the export, 8 columns", figure, against, "≤ 2 ×, ≤ 64 bytes a record", good)

    def fault(self, name, run):
        return f"{name}: {run.fault}"

    def rate(self, path, run):
        return path.stat().st_size / run.seconds / 1e6

    def dump(self):
        o = self.options
        self.dump_file = self.make("dump.csv", "dump", o.records, o.rows, 1)
        self.dump_run = run = self.scan(self.lists, self.dump_file)
        rate = self.rate(self.dump_file, run)
        records = sum(s["records"] for s in run.reports[0]["attribution"])
        peer = self.script(DUCKDB, self.base, o.threads, "dump", self.dump_file, f"{o.limit_gib}GB")
        against, good = self.fault("DuckDB e-mail join", peer), None
        if not peer.fault:
            theirs = self.rate(self.dump_file, peer)
            against = f"DuckDB, e-mail column only: {theirs:.0f} MB/s, {peer.told['hits']} rows; ratio {rate / theirs:.2f}"
            good = rate >= 1.5 * theirs and rate >= 500 * o.threads
        figure = f"{rate:.0f} MB/s, {records} records, {run.peak >> 20} MiB"
        self.row("dump, 1 % ours, all columns", figure, against, f"≥ 1.5 ×, ≥ {500 * o.threads} MB/s", good)
        one = self.scan(self.lists, self.dump_file, threads=1)
        self.row("the same on one thread", f"{self.rate(self.dump_file, one):.0f} MB/s",
                 f"{o.threads} threads are {one.seconds / run.seconds:.2f} × as fast", "≥ 1.8 × with two",
                 one.seconds >= 1.8 * run.seconds if o.threads == 2 else None)
        ours = self.make("ours.csv", "dump", o.records, o.rows, 100)
        full = self.scan(self.lists, ours)
        ratio = self.rate(ours, full) / rate
        self.row("dump, 100 % ours", f"{self.rate(ours, full):.0f} MB/s", f"itself at 1 %: ratio {ratio:.2f}", "≥ 0.25", ratio >= 0.25)
        ours.unlink()

    def masked(self):
        """A tenth of the dump as a careful thief shows it: found by name, and by what the masks leave."""
        clear, masked = self.folder / "clear.csv", self.folder / "masked.csv"
        with open(self.dump_file, encoding="ascii") as lines, open(clear, "w", encoding="ascii") as whole, open(masked, "w", encoding="ascii") as out:
            for no in range(self.options.rows // 10 + 1):
                line = next(lines)
                whole.write(line)
                if no > 0:
                    last, first, mail, phone, birth, postcode, _ = line.rstrip("\n").split(",")
                    line = f"{last},{first},{mail[0]}***{mail[mail.index('@'):]},********{phone[-2:]},{birth},{postcode},\n"
                out.write(line)
        known, run = self.scan(self.lists, clear, refs=True), self.scan(self.lists, masked, refs=True)
        ours, found = (set(ref for s in r.reports[0]["attribution"] for ref in s.get("refs", [])) for r in (known, run))
        figure = f"{self.rate(masked, run):.1f} MB/s, {len(found & ours)} of {len(ours)} records, {len(found - ours)} wrong"
        self.row(f"{self.options.rows // 10} rows with addresses and numbers masked", figure,
                 f"itself in clear: {self.rate(clear, known):.0f} MB/s", "")
        clear.unlink()
        masked.unlink()

    def literal_searches(self):
        """The question about the e-mail column only, put to programs that search for literals."""
        mails = self.folder / "emails.txt"
        with open(self.export, encoding="ascii") as lines, open(mails, "w", encoding="ascii") as out:
            next(lines)
            out.writelines(line.split(",")[3] + "\n" for line in lines)
        mine = self.rate(self.dump_file, self.dump_run)
        peers = [
            ("grep -F -f", lambda: measure(["grep", "-c", "-F", "-f", mails, self.dump_file], self.options.threads, self.peer_limits, ok=(0, 1))),
            ("rg -F -f", lambda: measure(["rg", "-c", "-F", "-f", mails, self.dump_file], self.options.threads, self.peer_limits, ok=(0, 1))),
            ("Hyperscan", lambda: self.script(HYPERSCAN, mails, self.dump_file)),
            ("pyahocorasick", lambda: self.script(AHOCORASICK, mails, self.dump_file)),
        ]
        for name, run in peers:
            if name.split()[0] in ("grep", "rg") and not shutil.which(name.split()[0]):
                self.row(f"dump, {name}", "", "not installed", "≥ 10 ×")
                continue
            peer = run()
            if peer.fault:
                self.row(f"dump, {name}, {self.options.records} patterns", f"{mine:.0f} MB/s", self.fault(name, peer), "≥ 10 ×", True)
                continue
            theirs = self.rate(self.dump_file, peer)
            build = f", built in {peer.told['build']:.1f} s" if hasattr(peer, "told") else ", start included"
            against = f"{name}: {theirs:.0f} MB/s{build}, {peer.peak >> 20} MiB; ratio {mine / theirs:.1f}"
            self.row(f"dump, {name}, {self.options.records} patterns", f"{mine:.0f} MB/s", against, "≥ 10 ×", mine >= 10 * theirs)
        mails.unlink()

    def combo(self):
        o = self.options
        path = self.make("combo.txt", "combo", o.records, o.rows, 1)
        run = self.scan(self.lists, path)
        rate = self.rate(path, run)
        peer = self.script(DUCKDB, self.base, o.threads, "combo", path, f"{o.limit_gib}GB")
        against, good = self.fault("DuckDB regexp_extract + join", peer), None
        if not peer.fault:
            theirs = self.rate(path, peer)
            against = f"DuckDB regexp_extract + join: {theirs:.0f} MB/s, {peer.told['hits']} rows; ratio {rate / theirs:.2f}"
            good = rate >= 4 * theirs
        self.row("e-mail:password list, 1 % ours", f"{rate:.0f} MB/s", against, "≥ 4 ×", good)
        path.unlink()

    def text(self):
        o = self.options
        path = self.make("text.txt", "text", o.text_bytes)
        run = self.scan(self.lists, path, threads=1)
        rate = self.rate(path, run)
        peer = self.script(NEWLINES, path, threads=1)
        theirs = self.rate(path, peer)
        against = f"counting line ends (Python's `bytes.count`, which is libc's memchr, standing in for the memchr crate): {theirs:.0f} MB/s; ratio {rate / theirs:.2f}"
        self.row("text with nothing of ours, one thread", f"{rate:.0f} MB/s", against, "≥ 2000 MB/s, ≥ 0.25", rate >= 2000 and rate >= theirs / 4)

    def many_indexes(self):
        """The same records in 30 systems with 4 snapshots each."""
        o = self.options
        lists, part = self.folder / "lists120", self.folder / "part.csv"
        with open(self.export, encoding="ascii") as lines:
            header = next(lines)
            for no in range(120):
                count = o.records * (no + 1) // 120 - o.records * no // 120
                with open(part, "w", encoding="ascii") as out:
                    out.write(header)
                    out.writelines(next(lines) for _ in range(count))
                self.declare(lists, f"bulk-{no // 4:02}", part, f"2026-0{no % 4 + 3}-01")
        part.unlink()
        run = self.scan(lists, self.dump_file)
        ratio = self.dump_run.seconds / run.seconds
        self.row("dump against 120 indexes", f"{self.rate(self.dump_file, run):.0f} MB/s", f"one index: ratio {ratio:.2f}", "≥ 0.8", ratio >= 0.8)
        shutil.rmtree(lists)

    def posts(self):
        o = self.options
        folder = self.folder / "posts"
        folder.mkdir()
        with open(self.folder / "text.txt", "rb") as text, open(self.dump_file, "rb") as dump:
            for no in range(o.posts):
                # One in a hundred is a piece of a dump.
                piece = (dump if no % 100 == 0 else text).read(10_000)
                (folder / f"{no:05}.txt").write_bytes(piece)
        run = self.scan(self.lists, folder)
        rate = o.posts / run.seconds
        self.row(f"{o.posts} posts of 10 KB", f"{rate:.0f} posts/s", "start and opening included", "≥ 20000 posts/s", rate >= 20_000)
        shutil.rmtree(folder)

    def huge(self):
        lists, export = self.folder / "lists100m", self.make("huge.csv", "export", 100_000_000)
        built = self.declare(lists, "bulk", export, "2026-06-01")
        export.unlink()
        empty = self.folder / "empty.txt"
        empty.write_text("\n")
        opened = self.scan(lists, empty)
        dump = self.make("hugedump.csv", "dump", 100_000_000, self.options.rows, 1)
        run = self.scan(lists, dump)
        ratio = self.rate(dump, run) / self.rate(self.dump_file, self.dump_run)
        figure = f"built in {built.seconds:.0f} s ({built.peak >> 20} MiB), scans {self.rate(dump, run):.0f} MB/s ({run.peak >> 20} MiB resident)"
        good = ratio >= 0.6 and run.peak < 2.5e9 and opened.seconds < 0.1
        self.row("100 M records", figure, f"an empty file takes {opened.seconds * 1e3:.0f} ms; rate to that with {self.options.records}: {ratio:.2f}",
                 "open < 100 ms, < 2.5 GB, ≥ 0.6", good)
        dump.unlink()
        # What is met for the first time, page by page and block by block, is met once.
        long = self.make("longdump.csv", "dump", 100_000_000, self.options.rows * 4, 1)
        run = self.scan(lists, long)
        ratio = self.rate(long, run) / self.rate(self.dump_file, self.dump_run)
        self.row(f"100 M records, {self.options.rows * 4 // 1_000_000} M rows ({long.stat().st_size / 1e9:.1f} GB)", f"{self.rate(long, run):.0f} MB/s",
                 f"rate to that of {self.options.rows // 1_000_000} M rows with {self.options.records}: {ratio:.2f}", "≥ 0.6", ratio >= 0.6)
        long.unlink()
        shutil.rmtree(lists)

    # The report

    def report(self):
        o = self.options
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
        version = subprocess.run([o.vigie, "--version"], capture_output=True, text=True).stdout.strip()
        parameters = f"{o.records} records, {o.rows} rows, {o.text_bytes} bytes of text, {o.posts} posts, {o.threads} threads"
        load = os.getloadavg()
        lines = [
            "# vigie against what one would pick instead", "",
            "Written by `just bench-peers`" + (" --full" if o.full else "") + (" --huge" if o.huge else "")
            + "; every figure is of one run, and ratios mean more than rates.", "",
            f"- machine: {model}, {os.cpu_count()} processors, {memory} GiB, Linux {platform.release()}; load before {self.load[0]:.1f}, after {load[0]:.1f}",
            f"- date: {datetime.date.today()}",
            f"- versions: {version}; " + ", ".join(f"{name} {v}" if name not in v else v for name, v in sorted(self.versions.items())) + f"; Python {platform.python_version()}",
            f"- inputs: {parameters} (leaklab's `bulk.rs`)",
            f"- limits of each peer: {o.limit_seconds} s, {o.limit_gib} GiB of address space; best of {o.rounds} for vigie, whose start and opening are included",
            "", "| what | vigie | against | to reach |", "|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in self.rows), "",
            "## Commands", "", "```",
            f"bulk export {o.records} > export.csv; bulk dump {o.records} {o.rows} 1 > dump.csv; bulk combo {o.records} {o.rows} 1 > combo.txt; bulk text {o.text_bytes} > text.txt",
            "vigie watchlist build lists/bulk --snapshot 2026-06-01 --key-file vigie.key export.csv",
            "vigie scan --watchlists lists --key-file vigie.key --format jsonl dump.csv",
            "grep -c -F -f emails.txt dump.csv; rg -c -F -f emails.txt dump.csv          # LC_ALL=C",
            "```", "", "DuckDB, Hyperscan and pyahocorasick run the few lines of Python in `benches/peers.py`; DuckDB joins with a table that it has loaded before.", "",
        ]
        Path(o.out).write_text("\n".join(lines), encoding="utf-8")
        print(f"written: {o.out}")


def options():
    shared = Path(os.environ.get("SHARED", TOP.parent / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vigie", default=TOP / "target/release/vigie", type=Path)
    parser.add_argument("--bulk", default=shared / "leaklab/bulk.rs", type=Path)
    parser.add_argument("--full", action="store_true", help="the sizes of the figures that count")
    parser.add_argument("--huge", action="store_true", help="100 M records as well")
    parser.add_argument("--records", type=int)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--text-bytes", type=int)
    parser.add_argument("--posts", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit-seconds", type=int, default=900)
    parser.add_argument("--limit-gib", type=int, default=14)
    parser.add_argument("--work", type=Path, help="where inputs are made; deleted at the end (default: a temporary folder)")
    parser.add_argument("--out", default=TOP / "docs/benchmarks.md", type=Path)
    o = parser.parse_args()
    small, full = {"records": 100_000, "rows": 200_000, "text_bytes": 100_000_000, "posts": 2_000}, {
        "records": 10_000_000, "rows": 5_000_000, "text_bytes": 1_000_000_000, "posts": 10_000}
    for name, value in (full if o.full else small).items():
        if getattr(o, name) is None:
            setattr(o, name, value)
    # Numbers that the machine does not have would be compared with each other's.
    o.threads = min(o.threads, len(os.sched_getaffinity(0)))
    for path in (o.vigie, o.bulk):
        if not path.exists():
            sys.exit(f"{path} is not there; hint: build with `cargo build --release`, or name it with --vigie and --bulk")
    return o


def main():
    o = options()
    with tempfile.TemporaryDirectory(dir=o.work) as folder:
        bench = Bench(o, Path(folder))
        bench.load = os.getloadavg()
        bench.everything()
        bench.report()


if __name__ == "__main__":
    main()
