"""The programs: how each is installed, started, posted to by script, and described to vigie."""

import json
import os
import urllib.request

from kit import Browser, Program, b64, run, site


class Bepasty(Program):
    name = "bepasty"
    packages = ("bepasty==1.2.2",)
    files = True

    def start(self):
        store = self.work / "store"
        store.mkdir(exist_ok=True)
        config = self.work / "bepasty.conf"
        config.write_text(f"STORAGE_FILESYSTEM_DIRECTORY = {str(store)!r}\nSECRET_KEY = 'on loopback only'\n"
                          "DEFAULT_PERMISSIONS = 'read,list,create'\n")
        self.spawn(self.bin("bepasty-server"), "--host", "127.0.0.1", "--port", self.port,
                   env=self.env(BEPASTY_CONFIG=str(config)))

    def post(self, name, data):
        request = urllib.request.Request(f"{self.base}/apis/rest/items", b64(data), {
            "Content-Type": "application/octet-stream", "Content-Filename": name, "Transaction-ID": "",
            "Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"})
        urllib.request.urlopen(request, timeout=30)

    def definition(self):
        return site(self, family="bepasty", url=f"{self.base}/apis/rest/items")


class Spirit(Program):
    name = "spirit"
    packages = ("django-spirit[files]==0.14.3", "setuptools<81")
    files = False

    def start(self):
        forum = self.work / "forum"
        if not forum.exists():
            run(self.bin("spirit"), "startproject", "forum", cwd=self.work, env=self.env())
            with open(forum / "forum" / "settings" / "dev.py", "a") as settings:
                settings.write("\nDEBUG = False\nST_RATELIMIT_ENABLE = False\nALLOWED_HOSTS = ['127.0.0.1']\n")
            run(self.bin("python"), "manage.py", "spiritinstall", cwd=forum, env=self.env())
            people = ("from django.contrib.auth import get_user_model\n"
                      "get_user_model().objects.create_user('poster', 'poster@example.com', 'on loopback only')\n")
            run(self.bin("python"), "manage.py", "shell", "-c", people, cwd=forum, env=self.env())
        self.spawn(self.bin("python"), "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}", cwd=forum)
        self.browser = Browser(self.base)
        self.browser.submit("/user/login/", "csrfmiddlewaretoken", username="poster", password="on loopback only")

    def post(self, name, data):
        # Four blanks make a code block of it, which the forum shows as it is.
        comment = "\n".join("    " + line for line in data.decode().splitlines())
        form = "/topic/publish/"
        where, _ = self.browser.submit(form, "csrfmiddlewaretoken", title=name, category="2", comment=comment)
        if where.endswith(form):
            raise SystemExit("spirit did not take the topic")

    def definition(self):
        return site(self, family="spirit", url=f"{self.base}/topic/active/")


class FlaskBB(Program):
    name = "flaskbb"
    packages = ("FlaskBB==3.0.0rc5",)
    python = "3.12"
    files = False

    def start(self):
        config = self.work / "flaskbb.cfg"
        config.write_text(f"""
SERVER_NAME = "127.0.0.1:{self.port}"
PREFERRED_URL_SCHEME = "http"
SQLALCHEMY_DATABASE_URI = "sqlite:///{self.work}/flaskbb.sqlite"
SECRET_KEY = "on loopback only"
WTF_CSRF_ENABLED = True
WTF_CSRF_SECRET_KEY = "on loopback only"
RATELIMIT_ENABLED = False
REDIS_ENABLED = False
CELERY_CONFIG = {{"broker_url": "memory://", "result_backend": "cache+memory://", "task_always_eager": True}}
LOG_DEFAULT_CONF = {{"version": 1}}
""")
        env = self.env()
        self.flask = [self.bin("flaskbb"), "--config", config]
        if not (self.work / "flaskbb.sqlite").exists():
            run(*self.flask, "install", "--username", "poster", "--email", "poster@example.com", "--password",
                "on loopback only", cwd=self.work, env=env)
        self.spawn(*self.flask, "run", "--host", "127.0.0.1", "--port", self.port, env=env)
        self.browser = Browser(self.base)
        self.browser.submit("/auth/login", "csrf_token", login="poster", password="on loopback only")

    def post(self, name, data):
        comment = "\n".join("    " + line for line in data.decode().splitlines())
        where, _ = self.browser.submit("/1/topic/new", "csrf_token", title=name, content=comment, submit="1")
        if "/topic/new" in where:
            raise SystemExit("flaskbb did not take the topic")

    def definition(self):
        return site(self, family="flaskbb", url=f"{self.base}/forum/1")


class Folder(Program):
    """Python's own web server over a folder: the simplest place that a dump is put."""

    name = "folder"
    packages = ()
    files = True

    def install(self):
        pass

    def start(self):
        self.folder = self.work / "files"
        self.folder.mkdir(exist_ok=True)
        from kit import python_of
        self.spawn(python_of(), "-m", "http.server", str(self.port), "--bind", "127.0.0.1", cwd=self.folder)

    def post(self, name, data):
        part = self.folder / f".{name}"
        part.write_bytes(data)
        os.rename(part, self.folder / name)

    def definition(self):
        return site(self, family="directory", url=f"{self.base}/")


QUICK = [Folder, Bepasty, Spirit]
ALL = [*QUICK, FlaskBB]
