"""The module's calls under /api/v1."""

from django.urls import path

from common.order_numbers import DEPOSIT, PLEDGE
from payments.api import ConfigCalls, PaymentCalls, PaymentLists, WithdrawalCalls

urlpatterns = [
    path("index/recharge/order", PaymentCalls.as_view({"post": "order"}, purpose=DEPOSIT)),
    path("index/recharge", PaymentCalls.as_view({"post": "submit"}, purpose=DEPOSIT)),
    path("index/withdraw", WithdrawalCalls.as_view({"post": "create"})),
    path("index/payments", PaymentLists.as_view({"get": "payments"})),
    path("index/withdrawals", PaymentLists.as_view({"get": "withdrawals"})),
    path("index/statement", PaymentLists.as_view({"get": "statement"})),
    path("index/config", ConfigCalls.as_view({"get": "config"})),
    path("market/pledge/order", PaymentCalls.as_view({"post": "order"}, purpose=PLEDGE)),
    path("market/pledge", PaymentCalls.as_view({"post": "submit"}, purpose=PLEDGE)),
]
