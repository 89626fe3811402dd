"""Django REST framework, its OpenAPI page, and the throttles."""

from soke_project.settings.chain import CHAIN_ID, DEVELOPMENT_CHAIN_ID
from soke_project.settings.environment import env

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ClientAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["common.http.permissions.SignedIn"],
    "DEFAULT_RENDERER_CLASSES": ["common.http.envelope.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "common.http.parsers.LiteralJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["common.http.throttles.Throttle"],
    "DEFAULT_SCHEMA_CLASS": "common.http.schema.EnvelopeSchema",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.http.envelope.AlwaysJSON",
    "EXCEPTION_HANDLER": "common.http.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    # How many proxies in front of the platform write X-Forwarded-For.
    "NUM_PROXIES": env.int("SOKE_PROXIES", 0),
}

SPECTACULAR_SETTINGS = {
    "TITLE": "SOKE API",
    "DESCRIPTION": "Index-contract exchange. Every answer is an envelope: code, message, data and, in lists, page.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
}

# Most requests in a number of seconds; the development chain allows ten times as many.
_factor = env.int("SOKE_THROTTLE_FACTOR", 10 if CHAIN_ID == DEVELOPMENT_CHAIN_ID else 1)
THROTTLES = {
    "sign_in_address": (10 * _factor, 60),
    "sign_in_ip": (120 * _factor, 60),
    "read": (50 * _factor, 1),
    "order": (20 * _factor, 1),
    "operator_ip": (30, 60),
    "operator_name": (10, 60),
}
