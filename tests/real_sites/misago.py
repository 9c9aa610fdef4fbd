"""Misago, with a PostgreSQL of its own. Its pages post by script only, so what a person does is sent to its API, logged in."""

import json
import os
import pathlib
import pwd
import shutil
import tempfile
import urllib.error
import urllib.request
import uuid

from kit import Browser, Program, free_port, run, site

SETTINGS = """
from misago.settings import *
SECRET_KEY = "on loopback only"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ, USE_I18N, TIME_ZONE, LANGUAGE_CODE = True, True, "UTC", "en-us"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
    "HOST": "127.0.0.1", "PORT": PG_PORT}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
AUTH_USER_MODEL = "misago_users.User"
AUTHENTICATION_BACKENDS = ["misago.users.authbackends.MisagoBackend"]
CSRF_FAILURE_VIEW = "misago.core.errorpages.csrf_failure"
LOGIN_REDIRECT_URL, LOGIN_URL, LOGOUT_URL = "misago:index", "misago:login", "misago:logout"
STATIC_URL, STATIC_ROOT, MEDIA_URL, MEDIA_ROOT = "/static/", "HERE/static", "/media/", "HERE/media"
MIDDLEWARE = ["misago.users.middleware.RealIPMiddleware", "misago.core.middleware.FrontendContextMiddleware",
    "django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
    "misago.cache.middleware.cache_versions_middleware", "misago.conf.middleware.dynamic_settings_middleware",
    "misago.socialauth.middleware.socialauth_providers_middleware", "misago.users.middleware.UserMiddleware",
    "misago.acl.middleware.user_acl_middleware", "misago.core.middleware.ExceptionHandlerMiddleware",
    "misago.users.middleware.OnlineTrackerMiddleware", "misago.admin.middleware.AdminAuthMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [], "APP_DIRS": True,
    "OPTIONS": {"context_processors": TEMPLATE_CONTEXT_PROCESSORS}}]
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "debug_toolbar"]
SOCIAL_AUTH_STRATEGY, SOCIAL_AUTH_JSONFIELD_ENABLED = "misago.socialauth.strategy.MisagoStrategy", True
REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["misago.core.rest_permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "misago.core.exceptionhandler.handle_api_exception",
    "UNAUTHENTICATED_USER": "misago.users.models.AnonymousUser", "URL_FORMAT_OVERRIDE": None}
CELERY_TASK_ALWAYS_EAGER, CELERY_BROKER_URL = True, "memory://"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
MISAGO_AVATARS_SIZES, MISAGO_SEARCH_CONFIG = [100], "simple"
"""

URLS = """
from celery import Celery
from django.urls import include, path
from django.conf import settings
from django.conf.urls.static import static
from django.views.i18n import JavaScriptCatalog
urlpatterns = [path("", include("misago.urls", namespace="misago")),
    path("django-i18n.js", JavaScriptCatalog.as_view(packages=["misago"]), name="django-i18n")]
celery = Celery("loopback")
celery.config_from_object("django.conf:settings", namespace="CELERY")
celery.set_default()
urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
"""

# The poster, who may post as fast as a script does, and what may be attached.
PEOPLE = """
from django.contrib.auth import get_user_model
from misago.acl.models import Role
from misago.users.avatars import dynamic
poster = get_user_model().objects.create_superuser("poster", "poster@example.com", "on loopback only")
dynamic.set_avatar(poster)
poster.save()
for role in Role.objects.all():
    limits = role.permissions.get("misago.threads.permissions.attachments")
    if limits is not None:
        limits["max_attachment_size"] = 5000
        limits["can_download_other_users_attachments"] = True
        role.save()
"""


class Postgres:
    """A PostgreSQL on a free port, in a folder of its own; as root it runs as the user that Debian made for it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vigie-postgres-"))
        self.port, self.process = free_port(), None

    @staticmethod
    def programs():
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        return found[-1] if found else None

    def start(self):
        programs, who = self.programs(), []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            who = ["runuser", "-u", "postgres", "--"]
        data = self.folder / "data"
        run(*who, programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", cwd="/")
        options = f"-F -p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        run(*who, programs / "pg_ctl", "-D", data, "-o", options, "-l", self.folder / "log", "-w", "start", cwd="/")
        self.process = [*who, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"]

    def stop(self):
        if self.process:
            run(*self.process, cwd="/")
        shutil.rmtree(self.folder, ignore_errors=True)


class Misago(Program):
    name = "misago"
    packages = ("misago==0.39.6", "setuptools<81")
    version = "0.39.6"
    python = "3.12"
    rows, replies, edits, files = 60, 30, True, True
    database = None

    def available(self):
        if not Postgres.programs() and not (os.geteuid() == 0 and shutil.which("apt-get")):
            return "needs PostgreSQL (Debian: postgresql)"
        return super().available()

    def install(self):
        if not Postgres.programs():
            run("apt-get", "install", "-y", "-q", "--no-install-recommends", "postgresql")
        super().install()

    def start(self):
        self.database = Postgres()
        self.database.start()
        (self.work / "settings.py").write_text(
            SETTINGS.replace("PG_PORT", str(self.database.port)).replace("HERE", str(self.work)))
        (self.work / "urls.py").write_text(URLS)
        env = self.env(DJANGO_SETTINGS_MODULE="settings", PYTHONPATH=str(self.work))
        run(self.bin("django-admin"), "migrate", cwd=self.work, env=env)
        run(self.bin("django-admin"), "shell", "-c", PEOPLE, cwd=self.work, env=env)
        self.spawn(self.bin("django-admin"), "runserver", "--noreload", f"127.0.0.1:{self.port}", env=env)
        self.browser = Browser(self.base)
        self.browser.get("/")
        self.api("POST", "/api/auth/", {"username": "poster", "password": "on loopback only"})

    def stop(self):
        super().stop()
        if self.database:
            self.database.stop()

    def api(self, method, path, values=None, raw=None, kind="application/json"):
        """Asks the API as the page's own script does; what it answers."""
        token = next((c.value for c in self.browser.jar if c.name == "csrftoken"), "")
        data = raw if raw is not None else json.dumps(values).encode()
        request = urllib.request.Request(self.base + path, data, method=method, headers={
            "Content-Type": kind, "X-CSRFToken": token, "X-Requested-With": "XMLHttpRequest", "Referer": self.base})
        try:
            with self.browser.opener.open(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise SystemExit(f"misago did not take it: {error.code} {error.read()[:500]}") from error

    def topic(self, title, text, attachments=()):
        made = self.api("POST", "/api/threads/", {"title": title, "category": 3, "post": f"```\n{text}\n```",
                                                  "attachments": list(attachments)})
        return str(made["id"])

    def reply(self, topic, text):
        self.api("POST", f"/api/threads/{topic}/posts/", {"post": f"```\n{text}\n```"})

    def edit(self, topic, title, text):
        first = self.api("GET", f"/api/threads/{topic}/posts/")["post_set"]["results"][0]["id"]
        self.api("PUT", f"/api/threads/{topic}/posts/{first}/", {"post": f"```\n{text}\n```"})

    def file(self, name, data):
        mark = f"form-{uuid.uuid4().hex}"
        body = (f'--{mark}\r\nContent-Disposition: form-data; name="upload"; filename="{name}"\r\n'
                "Content-Type: application/zip\r\n\r\n").encode() + data + f"\r\n--{mark}--\r\n".encode()
        made = self.api("POST", "/api/attachments/", raw=body, kind=f"multipart/form-data; boundary={mark}")
        self.topic(name, "see the file", [made["id"]])

    def definition(self):
        return site(self, family="misago", url=f"{self.base}/c/first-category/3/")
