"""Whether the web process in this container answers; by its first host, since it answers for no other."""

import os
import urllib.request

host = os.environ.get("SOKE_HOSTS", "").split(",")[0]
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8000/healthz", headers={"Host": host}), timeout=3)
