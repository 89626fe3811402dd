"""Secrets, hosts, cookies and the clients' tokens."""

from datetime import timedelta

from soke_project.settings.environment import DEVELOPMENT, env, required

SECRET_KEY = required("SOKE_SECRET_KEY")
ALLOWED_HOSTS = env.list("SOKE_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEVELOPMENT else [])
CSRF_TRUSTED_ORIGINS = env.list("SOKE_ORIGINS", default=[])
PORT = env.int("SOKE_PORT", 8000)
# What a wallet shows the person who signs in (EIP-4361).
SITE_DOMAIN = env.str("SOKE_DOMAIN", f"127.0.0.1:{PORT}") if DEVELOPMENT else required("SOKE_DOMAIN")
SITE_URL = env.str("SOKE_URL", f"http://{SITE_DOMAIN}" if DEVELOPMENT else f"https://{SITE_DOMAIN}")

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEVELOPMENT
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 0 if DEVELOPMENT else 31536000
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.int("SOKE_PROXIES", 0) else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

# Operators prove a second factor; their sessions end after half an hour of quiet, and after a working day in any case.
SOKE_TOTP_REQUIRED = not DEVELOPMENT or env.bool("SOKE_TOTP_REQUIRED", False)
OTP_TOTP_ISSUER = f"SOKE {SITE_DOMAIN}"
OPERATOR_SESSION_SECONDS = env.int("SOKE_OPERATOR_SESSION_HOURS", 12) * 3600
SESSION_COOKIE_AGE = env.int("SOKE_OPERATOR_QUIET_MINUTES", 30) * 60
SESSION_SAVE_EVERY_REQUEST = True
# Where a sign-in leads that came from no other page.
LOGIN_REDIRECT_URL = "admin:index"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

SIMPLE_JWT = {
    "ALGORITHM": "HS512",
    "SIGNING_KEY": required("SOKE_JWT_KEY"),
    "ISSUER": "soke",
    "ACCESS_TOKEN_LIFETIME": timedelta(days=1),
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "sub",
    "TOKEN_TYPE_CLAIM": None,
    "JTI_CLAIM": "jti",
}
