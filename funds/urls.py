"""The calls under /api/v1/fund/."""

from django.urls import path

from funds.api import FundPaymentCalls, FundViewSet

urlpatterns = [
    path("fund/products", FundViewSet.as_view({"get": "products"})),
    path("fund/product/buy/order", FundPaymentCalls.as_view({"post": "order"})),
    path("fund/product/buy", FundPaymentCalls.as_view({"post": "submit"})),
    path("fund/order/redeem", FundViewSet.as_view({"post": "redeem"})),
    path("fund/buy/logs", FundViewSet.as_view({"get": "bought"})),
    path("fund/redeem/logs", FundViewSet.as_view({"get": "redeemed"})),
    path("fund/reward/logs", FundViewSet.as_view({"get": "rewards"})),
]
