"""The project's settings with none of its apps: the sockets' tests bring channels of their own."""

import json
import os

from soke_project.settings import *  # noqa: F403

INSTALLED_APPS = ["common"]
SOCKETS = {"WATCH_SECONDS": 0.1, "EXISTS_SECONDS": 0.5, **json.loads(os.environ.get("SOKE_TEST_SOCKETS", "{}"))}
# Daphne says its port in its log only.
LOGGING_CONFIG = None
