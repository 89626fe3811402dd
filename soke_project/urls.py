"""Every path of the platform."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from backoffice.views import login, second_factor
from common.http.errors import bad_request, server_error, unknown_path
from soke_project import health, metrics

handler400 = bad_request
handler404 = unknown_path
handler500 = server_error

urlpatterns = [
    path("", include("pages.urls")),
    path("api/v1/", include("soke_project.home_urls")),
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("payments.urls")),
    path("api/v1/", include("contracts.urls")),
    path("api/v1/", include("funds.urls")),
    path("api/v1/", include("mining.urls")),
    path("api/v1/", include("market_making.urls")),
    re_path(r"^api/v1/", csrf_exempt(unknown_path)),
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
