"""The module's calls under /api/v1."""

from django.urls import path

from market_making.api import PledgeViewSet

urlpatterns = [
    path("market/pledges", PledgeViewSet.as_view({"get": "pledges"})),
    path("market/pledge/cancel", PledgeViewSet.as_view({"post": "cancel"})),
    path("market/income/logs", PledgeViewSet.as_view({"get": "income_logs", "post": "income_logs"})),
    path("market/loss/logs", PledgeViewSet.as_view({"get": "loss_logs", "post": "loss_logs"})),
]
