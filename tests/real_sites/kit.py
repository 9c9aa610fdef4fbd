"""What every program under test needs: a place to be installed in, a port, a process that is stopped again."""

import base64
import http.cookiejar
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(*command, cwd=None, env=None, quiet=True):
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, text=True,
                          stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None)
    if done.returncode:
        raise SystemExit(f"{' '.join(str(c) for c in command)} failed:\n{done.stdout or ''}")
    return done.stdout


def python_of(version=None):
    """A Python of at least this version, or nothing."""
    candidates = [sys.executable]
    if version:
        candidates = [f"python{version}", *map(str, pathlib.Path.home().glob(f".pyenv/versions/{version}*/bin/python"))]
    for candidate in candidates:
        try:
            subprocess.run([candidate, "-c", "import venv, ensurepip"], check=True, capture_output=True)
            return candidate
        except (OSError, subprocess.CalledProcessError):
            continue
    return None


class Program:
    """A program that is installed once in the cache and started afresh in a folder of its own."""

    name = "?"
    version = ""
    packages = ()
    python = None
    # How long its posts may be, in rows of the dump; what it can do.
    rows = 60
    edits = False
    replies = 0
    files = False

    def __init__(self, cache, work):
        self.cache = pathlib.Path(cache) / self.name
        self.work = pathlib.Path(work) / self.name
        self.work.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process = None

    @property
    def where(self):
        """The site that its posts are read from."""
        return self.name

    @staticmethod
    def shown(title):
        """A title as the program shows it."""
        return title

    def bin(self, name):
        return self.cache / "venv" / "bin" / name

    def available(self):
        return python_of(self.python) is not None

    def install(self):
        """Installs the packages in a virtual environment; done only once."""
        mark = self.cache / "installed"
        wanted = "\n".join(self.packages)
        if mark.exists() and mark.read_text() == wanted:
            return
        self.cache.mkdir(parents=True, exist_ok=True)
        run(python_of(self.python), "-m", "venv", "--clear", self.cache / "venv")
        run(self.bin("pip"), "-q", "install", *self.packages)
        mark.write_text(wanted)

    def env(self, **more):
        path = f"{self.cache / 'venv' / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **more}

    def spawn(self, *command, cwd=None, env=None, page="/"):
        log = open(self.work / "log", "w")
        self.process = subprocess.Popen([str(c) for c in command], cwd=cwd or self.work, env=env or self.env(),
                                        stdout=log, stderr=log, start_new_session=True)
        self.wait(page)

    def wait(self, path, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended:\n{(self.work / 'log').read_text()[-2000:]}")
            try:
                urllib.request.urlopen(self.base + path, timeout=5)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"{self.name} does not answer")

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)


class Browser:
    """Enough of a browser to log in and fill in a form."""

    def __init__(self, base):
        self.base = base
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, path):
        with self.opener.open(urllib.parse.urljoin(self.base, path), timeout=30) as answer:
            return answer.read().decode(errors="replace")

    def submit(self, path, token, files=(), to=None, **fields):
        """Fetches a form, and sends it with its hidden token, which stands in the field `token`. `files` are
        (field, name, bytes); `to` is where it is sent if not to where it came from."""
        page = self.get(path)
        found = re.search(rf'name=["\']{token}["\'][^>]*value=["\']([^"\']+)|value=["\']([^"\']+)["\'][^>]*name=["\']{token}["\']', page)
        if found:
            fields[token] = found.group(1) or found.group(2)
        headers = {"Referer": urllib.parse.urljoin(self.base, path)}
        body = urllib.parse.urlencode(fields).encode()
        if files:
            mark = "----synthetic-form-boundary"
            parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
                     for k, v in fields.items()]
            parts += [f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
                      "Content-Type: application/octet-stream\r\n\r\n".encode() + data + b"\r\n"
                      for field, name, data in files]
            body = b"".join(parts) + f"--{mark}--\r\n".encode()
            headers["Content-Type"] = f"multipart/form-data; boundary={mark}"
        request = urllib.request.Request(urllib.parse.urljoin(self.base, to or path), body, headers)
        with self.opener.open(request, timeout=60) as answer:
            return answer.geturl(), answer.read().decode(errors="replace")


def site(program, **keys):
    """A [[site]] table that reads a program on loopback."""
    keys = {"id": program.name, "allow_hosts": [f"127.0.0.1:{program.port}"], "interval": "1s", "gap": "20ms",
            "reread": "3s", "max_reread": "5s", **keys}
    return "[[site]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def b64(data):
    return base64.b64encode(data)
