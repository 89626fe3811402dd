"""One port: sockets through Channels, everything else through the WSGI application.

Django answers faster as WSGI than as ASGI, and keeps one database connection a thread; see docs/architecture.md.
The application is the same under uvicorn and daphne.
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soke_project.settings")
_django = get_wsgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402

from soke_project.bridge import WSGIBridge  # noqa: E402
from soke_project.routing import sockets  # noqa: E402

# More of a body is not read. Django refuses less than that already: DATA_UPLOAD_MAX_MEMORY_SIZE of anything but a file.
MOST_BODY_BYTES = 5 * 1024 * 1024

application = ProtocolTypeRouter(
    {"http": WSGIBridge(_django, workers=16, most_body=MOST_BODY_BYTES), "websocket": sockets}
)
