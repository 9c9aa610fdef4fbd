"""The forum programs: how each is installed, started, posted to by script, and described to vigie."""

import json
import re
import shutil
import subprocess

from kit import Browser, Program, free_port, run, site


def block(text):
    """A code block, which forums show as it is."""
    return "\n".join("    " + line for line in text.splitlines())


class Spirit(Program):
    name = "spirit"
    packages = ("django-spirit[files]==0.14.3", "setuptools<81")
    version = "0.14.3"
    # It takes 3,000 characters, and shows 20 comments a page.
    rows, replies, edits = 25, 22, True

    def start(self):
        forum = self.work / "forum"
        if not forum.exists():
            run(self.bin("spirit"), "startproject", "forum", cwd=self.work, env=self.env())
            with open(forum / "forum" / "settings" / "dev.py", "a") as settings:
                settings.write("\nDEBUG = False\nST_RATELIMIT_ENABLE = False\nST_DOUBLE_POST_THRESHOLD_MINUTES = 0\n"
                               "ALLOWED_HOSTS = ['127.0.0.1']\n")
            run(self.bin("python"), "manage.py", "spiritinstall", cwd=forum, env=self.env())
            people = ("from django.contrib.auth import get_user_model\n"
                      "get_user_model().objects.create_user('poster', 'poster@example.com', 'on loopback only')\n")
            run(self.bin("python"), "manage.py", "shell", "-c", people, cwd=forum, env=self.env())
        self.spawn(self.bin("python"), "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}", cwd=forum)
        self.browser = Browser(self.base)
        self.browser.submit("/user/login/", "csrfmiddlewaretoken", username="poster", password="on loopback only")

    def topic(self, title, text):
        form = "/topic/publish/"
        where, _ = self.browser.submit(form, "csrfmiddlewaretoken", title=title, category="2", comment=block(text))
        if where.endswith(form):
            raise SystemExit("spirit did not take the topic")
        return re.search(r"/topic/(\d+)/", where).group(1)

    def reply(self, topic, text):
        self.browser.submit(f"/comment/{topic}/publish/", "csrfmiddlewaretoken", comment=block(text))

    def edit(self, topic, title, text):
        page = self.browser.get(f"/topic/{topic}/")
        comment = re.search(r"/comment/(\d+)/update/", page).group(1)
        self.browser.submit(f"/comment/{comment}/update/", "csrfmiddlewaretoken", comment=block(text))

    def definition(self):
        return site(self, family="spirit", url=f"{self.base}/topic/active/")


class FlaskBB(Program):
    name = "flaskbb"
    packages = ("FlaskBB==3.0.0rc5",)
    version = "3.0.0rc5"
    python = "3.12"
    rows, replies, edits, files = 60, 12, True, True

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

    def topic(self, title, text, file=None):
        files = [("new_attachments", *file)] if file else ()
        where, page = self.browser.submit("/1/topic/new", "csrf_token", files, title=title, content=block(text), submit="1")
        if "/topic/new" in where:
            raise SystemExit("flaskbb did not take the topic")
        return re.search(r"/topic/(\d+)", where).group(1)

    def reply(self, topic, text):
        self.browser.submit(f"/topic/{topic}/post/new", "csrf_token", content=block(text), submit="1")

    def edit(self, topic, title, text):
        post = re.search(r'/post/(\d+)/edit|/topic/(\d+)[^"]*/edit', self.browser.get(f"/topic/{topic}")).group(0)
        self.browser.submit(post, "csrf_token", title=title, content=block(text), submit="1")

    def file(self, name, data):
        # It takes pictures and PDF only, by their names: the archive comes under a false one.
        self.topic(name, "see the file", (f"{name}.pdf", data))

    def definition(self):
        return site(self, family="flaskbb", url=f"{self.base}/forum/1")


MACHINA = """
from machina import MACHINA_MAIN_STATIC_DIR, MACHINA_MAIN_TEMPLATE_DIR
SECRET_KEY = "on loopback only"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ, TIME_ZONE = True, "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles", "mptt", "haystack", "widget_tweaks", "machina",
    "machina.apps.forum", "machina.apps.forum_conversation", "machina.apps.forum_conversation.forum_attachments",
    "machina.apps.forum_conversation.forum_polls", "machina.apps.forum_feeds", "machina.apps.forum_moderation",
    "machina.apps.forum_search", "machina.apps.forum_tracking", "machina.apps.forum_member",
    "machina.apps.forum_permission"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
    "machina.apps.forum_permission.middleware.ForumPermissionMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [MACHINA_MAIN_TEMPLATE_DIR],
    "APP_DIRS": True, "OPTIONS": {"context_processors": ["django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
    "machina.core.context_processors.metadata"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "WORK/db.sqlite"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "machina_attachments": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "WORK/cache"}}
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
STATIC_URL, MEDIA_URL, MEDIA_ROOT = "/static/", "/media/", "WORK/media"
STATICFILES_DIRS = [MACHINA_MAIN_STATIC_DIR]
MACHINA_DEFAULT_AUTHENTICATED_USER_FORUM_PERMISSIONS = ["can_see_forum", "can_read_forum", "can_start_new_topics",
    "can_reply_to_topics", "can_edit_own_posts", "can_post_without_approval", "can_attach_file", "can_download_file"]
"""
MACHINA_FORUM = """
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from machina.core.db.models import get_model
from machina.core.loading import get_class
assign = get_class("forum_permission.shortcuts", "assign_perm")
Forum = get_model("forum", "Forum")
forum = Forum.objects.create(name="dumps", type=Forum.FORUM_POST)
for permission in ("can_see_forum", "can_read_forum", "can_download_file"):
    assign(permission, AnonymousUser(), forum)
get_user_model().objects.create_superuser("poster", "poster@example.com", "on loopback only")
"""


class Machina(Program):
    name = "machina"
    packages = ("django-machina==1.3.1",)
    version = "1.3.1"
    rows, replies, edits, files = 60, 17, True, True

    def start(self):
        (self.work / "settings.py").write_text(MACHINA.replace("WORK", str(self.work)))
        (self.work / "urls.py").write_text(
            "from django.contrib import admin\nfrom django.urls import include, path\n"
            "urlpatterns = [path('admin/', admin.site.urls), path('forum/', include('machina.urls'))]\n")
        env = self.env(DJANGO_SETTINGS_MODULE="settings", PYTHONPATH=str(self.work))
        if not (self.work / "db.sqlite").exists():
            run(self.bin("django-admin"), "migrate", cwd=self.work, env=env)
            run(self.bin("django-admin"), "shell", "-c", MACHINA_FORUM, cwd=self.work, env=env)
        self.spawn(self.bin("django-admin"), "runserver", "--noreload", f"127.0.0.1:{self.port}", env=env)
        self.browser = Browser(self.base)
        self.browser.submit("/admin/login/?next=/forum/", "csrfmiddlewaretoken", username="poster",
                            password="on loopback only")

    @staticmethod
    def fields(file=None):
        one = "1" if file else "0"
        return {"poll-TOTAL_FORMS": "0", "poll-INITIAL_FORMS": "0", "attachment-TOTAL_FORMS": one,
                "attachment-INITIAL_FORMS": "0", "topic_type": "0"}

    def topic(self, title, text, file=None):
        files = [("attachment-0-file", *file)] if file else ()
        form = "/forum/forum/dumps-1/topic/create/"
        where, page = self.browser.submit(form, "csrfmiddlewaretoken", files, subject=title, content=block(text),
                                          **self.fields(file))
        if where.endswith(form):
            raise SystemExit(f"machina did not take the topic: {re.findall('error[^<]*<[^<]*', page)[:5]}")
        return re.search(r"(/forum/forum/dumps-1/topic/[^/]+/)", where).group(1)

    def reply(self, topic, text):
        self.browser.submit(f"{topic}post/create/", "csrfmiddlewaretoken", subject="Re", content=block(text), **self.fields())

    def edit(self, topic, title, text):
        self.browser.submit(f"{topic}update/", "csrfmiddlewaretoken", subject=title, content=block(text), **self.fields())

    def file(self, name, data):
        self.topic(name, "see the file", (name, data))

    def definition(self):
        return site(self, family="machina", url=f"{self.base}/forum/forum/dumps-1/")


# What a person would do in the page, done in the program itself: its pages take posts by web socket only.
NODEBB = """
const nconf = require('nconf'), path = require('path'), root = process.cwd();
nconf.file({file: path.join(root, 'config.json')});
nconf.defaults({base_dir: root, upload_path: 'public/uploads', views_dir: path.join(root, 'build/public/templates'),
  themes_path: path.join(root, 'node_modules'), version: require(path.join(root, 'package.json')).version});
nconf.set('relative_path', '');
const here = (name) => require(path.join(root, 'src', name));
const [what, given, title] = process.argv.slice(1);
const text = require('fs').readFileSync(0, 'utf8');
const done = (error, made) => {
  if (error) { console.error(error.message || error); process.exit(1); }
  console.log(JSON.stringify(made)); process.exit(0);
};
here('database').init((error) => error ? done(error) : here('meta').configs.init((error) => {
  if (error) return done(error);
  const topics = here('topics'), posts = here('posts');
  if (what === 'topic') return topics.post({uid: 1, cid: 2, title: given, content: text}, (e, made) => done(e, made && made.topicData.tid));
  if (what === 'reply') return topics.reply({uid: 1, tid: given, content: text}, (e) => done(e, given));
  topics.getTopicField(given, 'mainPid', (e, pid) => e ? done(e) : posts.edit({uid: 1, pid, content: text, title}, (e) => done(e, pid)));
}));
"""


class NodeBB(Program):
    """From npm, with a redis of its own (Debian's redis-tools holds the server under another name)."""

    name = "nodebb"
    version = "1.4.0"
    # It keeps what it shows of a post, so an edit made beside it is not seen by its readers.
    rows, replies, edits = 60, 22, False

    def available(self):
        missing = [p for p in ("node", "npm", "redis-check-rdb") if not shutil.which(p)]
        return f"needs {', '.join(missing)}" if missing else True

    def install(self):
        if (self.cache / "installed").exists():
            return
        self.cache.mkdir(parents=True, exist_ok=True)
        run("npm", "pack", f"nodebb@{self.version}", cwd=self.cache)
        run("tar", "xzf", f"nodebb-{self.version}.tgz", cwd=self.cache)
        run("npm", "install", "--omit=dev", "--no-audit", "--no-fund", cwd=self.cache / "package")
        (self.cache / "installed").write_text(self.version)

    def start(self):
        # Its set-up writes into its own folder: a copy, but for what is only read.
        root = self.work / "package"
        if not root.exists():
            shutil.copytree(self.cache / "package", root, symlinks=True, ignore=shutil.ignore_patterns("node_modules"))
            (root / "node_modules").symlink_to(self.cache / "package" / "node_modules")
        for folder in ("sounds", "files"):
            (root / "public" / "uploads" / folder).mkdir(parents=True, exist_ok=True)
        redis = free_port()
        server = self.work / "redis-server"
        server.symlink_to(shutil.which("redis-check-rdb"))
        self.redis = subprocess.Popen([server, "--port", str(redis), "--bind", "127.0.0.1", "--save", ""], cwd=self.work,
                                      stdout=subprocess.DEVNULL, start_new_session=True)
        answers = {"url": self.base, "port": str(self.port), "secret": "on loopback only", "database": "redis",
                   "redis:host": "127.0.0.1", "redis:port": str(redis), "redis:password": "", "redis:database": "0"}
        people = {"admin:username": "poster", "admin:password": "on loopback only",
                  "admin:password:confirm": "on loopback only", "admin:email": "poster@example.com"}
        run("node", "app", f"--setup={json.dumps({**answers, **people})}", cwd=root)
        run("redis-cli", "-p", redis, "zrem", "plugins:active", "nodebb-plugin-emoji-extended", "nodebb-plugin-emoji-one")
        config = json.loads((root / "config.json").read_text())
        (root / "config.json").write_text(json.dumps({**config, "bind_address": "127.0.0.1"}))
        self.root = root
        self.spawn("node", "app", cwd=root)

    def stop(self):
        super().stop()
        if getattr(self, "redis", None):
            self.redis.terminate()
            self.redis.wait(10)

    def within(self, text, *arguments):
        done = subprocess.run(["node", "-e", NODEBB, "--", *arguments], input=block(text), cwd=self.root, text=True,
                              capture_output=True)
        if done.returncode:
            raise SystemExit(f"nodebb did not take it:\n{done.stderr[-500:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def topic(self, title, text):
        return str(self.within(text, "topic", title))

    def reply(self, topic, text):
        self.within(text, "reply", topic)

    def definition(self):
        return site(self, family="nodebb", url=f"{self.base}/category/2")
