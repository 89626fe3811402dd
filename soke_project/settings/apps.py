"""Installed apps, middleware, templates, languages."""

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from soke_project.settings.environment import BASE_DIR, DATA_DIR, DEVELOPMENT

DEBUG = False

INSTALLED_APPS = [
    "daphne",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "backoffice.apps.OperatorsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_celery_beat",
    "constance",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "common",
    "ledger",
    "chain",
    "operations",
    "accounts",
    "popups",
    "payments",
    "indexes",
    "market_making",
    "funds",
    "mining",
    "contracts",
    "backoffice.apps.BackofficeConfig",
    "pages",
]

MIDDLEWARE = [
    "common.http.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "common.http.middleware.PagesPolicy",
]

ROOT_URLCONF = "soke_project.urls"
WSGI_APPLICATION = "soke_project.wsgi.application"
ASGI_APPLICATION = "soke_project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "soke_project.formats"
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Production collects its files once; development serves them where they lie.
STATIC_ROOT = None if DEVELOPMENT else DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "pages.storage.CollectedStorage"
    },
}
# In development a file that is edited is served as it is now.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEVELOPMENT
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

UNFOLD = {
    "SITE_TITLE": "SOKE",
    "SITE_HEADER": "SOKE",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("favicon.svg")}],
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "backoffice.dashboard.callback",
    "SIDEBAR": {"show_search": True, "navigation": "backoffice.navigation.navigation"},
    "STYLES": [lambda _request: static("backoffice/office.css")],
    "SCRIPTS": [
        lambda _request: static("backoffice/export.js"),
        lambda _request: static("backoffice/access.js"),
    ],
}
