"""Where operators are told of what needs them at once: by mail, by a webhook, and always in the log."""

from soke_project.settings.environment import env

# smtp://user:password@host:port, smtp+tls://…, smtp+ssl://…
_mail = env.email_url("SOKE_EMAIL_URL", default="smtp://localhost:25")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("SOKE_EMAIL_FROM", "soke@localhost")

# Addresses by comma.
ALERT_EMAILS = env.list("SOKE_ALERT_EMAILS", default=[])
# Gets a POST of {"key", "subject", "text"}.
ALERT_WEBHOOK = env.str("SOKE_ALERT_WEBHOOK", "")
