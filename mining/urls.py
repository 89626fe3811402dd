"""The calls under /api/v1/power/."""

from django.urls import path

from mining.api import PowerViewSet

urlpatterns = [
    path("power/start", PowerViewSet.as_view({"post": "start"})),
    path("power/stop", PowerViewSet.as_view({"post": "stop"})),
    path("power/reward/logs", PowerViewSet.as_view({"get": "rewards", "post": "rewards"})),
]
