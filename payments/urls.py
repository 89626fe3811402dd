"""The module's calls under /api/v1."""

from django.urls import path

from common.order_numbers import DEPOSIT, PLEDGE
from payments.api import PaymentCalls

urlpatterns = [
    path("index/recharge/order", PaymentCalls.as_view({"post": "order"}, purpose=DEPOSIT)),
    path("index/recharge", PaymentCalls.as_view({"post": "submit"}, purpose=DEPOSIT)),
    path("market/pledge/order", PaymentCalls.as_view({"post": "order"}, purpose=PLEDGE)),
    path("market/pledge", PaymentCalls.as_view({"post": "submit"}, purpose=PLEDGE)),
]
