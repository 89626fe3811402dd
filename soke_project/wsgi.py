"""The REST API and the back office as one WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soke_project.settings")

application = get_wsgi_application()
