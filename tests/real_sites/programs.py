"""The paste programs and plain places: how each is installed, started, posted to by script, and described to vigie."""

import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

from kit import Browser, Program, b64, python_of, run, site


class Bepasty(Program):
    name = "bepasty"
    packages = ("bepasty==1.2.2",)
    version = "1.2.2"

    def start(self):
        store = self.work / "store"
        store.mkdir(exist_ok=True)
        config = self.work / "bepasty.conf"
        config.write_text(f"STORAGE_FILESYSTEM_DIRECTORY = {str(store)!r}\nSECRET_KEY = 'on loopback only'\n"
                          "DEFAULT_PERMISSIONS = 'read,list,create'\n")
        self.spawn(self.bin("bepasty-server"), "--host", "127.0.0.1", "--port", self.port,
                   env=self.env(BEPASTY_CONFIG=str(config)))

    def file(self, name, data):
        request = urllib.request.Request(f"{self.base}/apis/rest/items", b64(data), {
            "Content-Type": "application/octet-stream", "Content-Filename": name, "Transaction-ID": "",
            "Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"})
        urllib.request.urlopen(request, timeout=30)

    def definition(self):
        return site(self, family="bepasty", url=f"{self.base}/apis/rest/items")


class Rustypaste(Program):
    """Built with cargo, unoptimised (ten minutes); run where it is already in the cache, or with --build."""

    name = "rustypaste"
    version = "0.18.1"

    def program(self):
        return self.cache / "bin" / "rustypaste"

    def available(self):
        return self.program().exists() or ("built with --build only" if not self.build else True)

    def install(self):
        if not self.program().exists():
            run("cargo", "install", "--debug", "--locked", "--root", self.cache, f"rustypaste@{self.version}")

    def start(self):
        config = self.work / "config.toml"
        (self.work / "upload").mkdir(exist_ok=True)
        config.write_text(f"""
[server]
address = "127.0.0.1:{self.port}"
max_content_length = "10MB"
upload_path = "{self.work}/upload"
timeout = "30s"
expose_list = true
[paste]
default_extension = "txt"
duplicate_files = true
""")
        # Its front page leads to its source elsewhere.
        self.spawn(self.program(), env=self.env(CONFIG=str(config)), page="/list")

    def file(self, name, data):
        Browser(self.base).submit("/list", "none", [("file", name, data)], to="/")

    def definition(self):
        return site(self, family="rustypaste", url=f"{self.base}/list")


class Folder(Program):
    """Python's own web server over a folder: the simplest place that a dump is put."""

    name = "folder"

    def install(self):
        pass

    def start(self):
        self.folder = self.work / "files"
        self.folder.mkdir(exist_ok=True)
        self.spawn(python_of(), "-m", "http.server", str(self.port), "--bind", "127.0.0.1", cwd=self.folder)

    def file(self, name, data):
        part = self.folder / f".{name}"
        part.write_bytes(data)
        os.rename(part, self.folder / name)

    def definition(self, **keys):
        return site(self, family="directory", url=f"{self.base}/", **keys)


# What a feeder does; sent twice, as a feeder in doubt would. A wrong key must be told.
PYAIL = """
import sys, pyail
url, token, title = sys.argv[1:]
ail, data = pyail.PyAIL(url, token), sys.stdin.buffer.read()
assert ail.ping() == {"status": "pong"}
for _ in range(2):
    said = ail.feed_json_item(data, {"title": title}, "ail_feeder_x", "6e2c3a4e-6a5f-4b5e-9f0c-000000000001")
    assert said == {"status": "success"}, said
assert pyail.PyAIL(url, "x" * 30).ping()["errors"][0] == 401
"""


class Pyail(Program):
    """AIL's client, unchanged, pushing to vigie as it would to an AIL server."""

    name = "pyail"
    packages = ("pyail==0.0.19",)
    version = "0.0.19"
    token = "synthetic-token-for-loopback-only"

    def start(self):
        secret = self.work / "token"
        secret.write_text(self.token)
        secret.chmod(0o600)

    def file(self, name, data):
        done = subprocess.run([self.bin("python"), "-c", PYAIL, self.base, self.token, name], input=data,
                              capture_output=True, cwd=self.work)
        if done.returncode:
            raise SystemExit(f"pyail failed:\n{done.stderr.decode()[-2000:]}")

    def definition(self):
        return (f'[push]\nlisten = "127.0.0.1:{self.port}"\n'
                f'[push.sources.pyail]\ntoken = {{ file = "{self.work}/token" }}\n')


class DokuWiki(Program):
    """From Debian's package, unpacked into the cache; PHP's own server serves it."""

    name = "dokuwiki"
    version = "0.0.20220731.a (Debian)"
    rows = 40
    edits = True

    def available(self):
        if not shutil.which("php") or not shutil.which("apt-get"):
            return "needs Debian with php-cli, php-xml, libphp-simplepie, php-geshi, php-phpseclib"
        return True

    def install(self):
        if (self.cache / "root").exists():
            return
        self.cache.mkdir(parents=True, exist_ok=True)
        run("apt-get", "download", "dokuwiki", cwd=self.cache)
        run("dpkg", "-x", next(self.cache.glob("dokuwiki*.deb")), self.cache / "root")

    def start(self):
        package, root = self.cache / "root", self.work / "root"
        if not root.exists():
            shutil.copytree(package / "usr/share/dokuwiki", root, symlinks=False, ignore_dangling_symlinks=True)
            shutil.copytree(package / "etc/dokuwiki", root / "conf", dirs_exist_ok=True, ignore_dangling_symlinks=True)
            shutil.copytree(package / "var/lib/dokuwiki/data", root / "data", dirs_exist_ok=True)
            for part in ("plugins", "tpl"):
                shutil.copytree(package / "var/lib/dokuwiki/lib" / part, root / "lib" / part, dirs_exist_ok=True)
            self.patch(root)
        self.root = root
        self.spawn("php", "-S", f"127.0.0.1:{self.port}", "-t", root)

    @staticmethod
    def shown(title):
        return title.replace(" ", "_")

    @staticmethod
    def patch(root):
        """Debian's preload points at /etc and /var; ours stand beside the program."""
        preload = root / "inc" / "preload.php"
        preload.write_text(f"<?php define('DOKU_CONF', '{root}/conf/'); define('DOKU_UNITTEST_OFF', 1);\n")
        (root / "conf" / "local.php").write_text(
            f"<?php\n$conf['savedir'] = '{root}/data';\n$conf['useacl'] = 0;\n$conf['title'] = 'wiki';\n"
            "$conf['rss_update'] = 0;\n$conf['cachetime'] = -1;\n")
        for folder in "pages attic media media_attic meta media_meta cache index locks tmp log".split():
            (root / "data" / folder).mkdir(parents=True, exist_ok=True)

    def topic(self, title, text):
        page = self.shown(title)
        source = self.work / "page.txt"
        source.write_text("\n".join("  " + line for line in text.splitlines()) + "\n")
        run("php", self.root / "bin" / "dwpage.php", "commit", "-m", "posted", source, page)
        return page

    def edit(self, page, title, text):
        self.topic(page, text)

    def definition(self):
        return site(self, family="dokuwiki", url=f"{self.base}/doku.php?do=recent")


class Linked(Program):
    """A paste program without a listing: its pastes are known by links in posts elsewhere."""

    where = "folder"

    def through(self, folder):
        """Posts the link into a folder that vigie watches."""
        self.folder = folder

    def file(self, name, data):
        url = self.paste(data.decode())
        self.folder.file(f"{self.name} {name}.txt", f"look here: {url}\n".encode())


class Pinnwand(Linked):
    name = "pinnwand"
    packages = ("pinnwand==1.5.0",)
    version = "1.5.0"

    def start(self):
        limits = "".join(f"[ratelimit.{what}]\ncapacity = 1000\nconsume = 1\nrefill = 100\n"
                         for what in ("read", "create", "delete"))
        config = self.work / "pinnwand.toml"
        config.write_text(f'database_uri = "sqlite:///{self.work}/pinnwand.db"\n{limits}')
        self.spawn(self.bin("python"), "-m", "pinnwand", "--configuration-path", config, "http", "--port", self.port)

    def paste(self, text):
        form = urllib.parse.urlencode({"raw": text, "lexer": "text", "expiry": "1day"}).encode()
        with urllib.request.urlopen(f"{self.base}/curl", form, timeout=30) as answer:
            said = answer.read().decode()
        return re.search(r"Paste URL:\s*(\S+)", said).group(1)

    rule = {"match": "^/[A-Z2-7]{2,}$", "fetch": "{url}/raw"}


class Dpaste(Linked):
    name = "dpaste"
    packages = ("dpaste==3.5", "django<4", "django-csp<4")
    version = "3.5"

    def start(self):
        (self.work / "loopback.py").write_text(
            "from dpaste.settings.base import *\nDEBUG = True\nALLOWED_HOSTS = ['*']\nSECRET_KEY = 'on loopback only'\n"
            f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': '{self.work}/db.sqlite'}}}}\n")
        env = self.env(DJANGO_SETTINGS_MODULE="loopback", PYTHONPATH=str(self.work))
        run(self.bin("django-admin"), "migrate", cwd=self.work, env=env)
        self.spawn(self.bin("django-admin"), "runserver", "--noreload", f"127.0.0.1:{self.port}", env=env)

    def paste(self, text):
        form = urllib.parse.urlencode({"content": text, "lexer": "_text", "expires": "3600", "format": "url"}).encode()
        with urllib.request.urlopen(f"{self.base}/api/", form, timeout=30) as answer:
            url = answer.read().decode().strip().strip('"')
        return self.base + urllib.parse.urlparse(url).path

    rule = {"match": "^/[A-Za-z0-9]{4,}$", "fetch": "{url}/raw"}
