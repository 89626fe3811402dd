"""Every path of the platform."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

import accounts.urls
import contracts.urls
import funds.urls
import market_making.urls
import mining.urls
import payments.urls
from backoffice.views import login, second_factor
from common.http.errors import bad_request, server_error, unknown_path
from pages.views import not_found
from soke_project import health, home_urls, metrics

handler400 = bad_request
handler404 = not_found
handler500 = server_error

# The calls of all rooms in one list, those that are asked most first: each is tried in turn.
CALLS = (contracts.urls, home_urls, accounts.urls, payments.urls, funds.urls, mining.urls, market_making.urls)

urlpatterns = [
    path("api/v1/", include([pattern for room in CALLS for pattern in room.urlpatterns])),
    re_path(r"^api/v1/", csrf_exempt(unknown_path)),
    path("", include("pages.urls")),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("healthz", health.healthz),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/login/", login),
    path("admin/second-factor/", second_factor, name="second_factor"),
    path("admin/", admin.site.urls),
]
