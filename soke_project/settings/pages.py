"""The trading pages: what browsers may load, and what they get of Node's packages."""

from csp.constants import NONE, SELF

from soke_project.settings.chain import CHAIN_ID, DEVELOPMENT_CHAIN_ID
from soke_project.settings.environment import BASE_DIR, DEVELOPMENT

# The wallet that needs no installing signs with keys that everybody knows.
DEMONSTRATION_WALLET = DEVELOPMENT and CHAIN_ID == DEVELOPMENT_CHAIN_ID

STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "pages.finders.PackageFinder",
]
STATICFILES_PACKAGES = {
    "vendor/lightweight-charts.js": BASE_DIR
    / "node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.mjs",
}

# Everything comes from here and nothing is inline. The back office and the API's documentation bring scripts and
# styles of their own in their pages; the calls answer no pages.
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/admin", "/api/"],
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
