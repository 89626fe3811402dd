"""One port: sockets through Channels, everything else through the WSGI application.

Django answers faster as WSGI than as ASGI, and keeps one database connection a thread; see docs/architecture.md.
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soke_project.settings")
_django = get_wsgi_application()

from a2wsgi import WSGIMiddleware  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

application = ProtocolTypeRouter({"http": WSGIMiddleware(_django, workers=16)})
