"""The calls under /api/v1/contract/."""

from django.urls import path

from contracts.api import ContractViewSet, MarketViewSet

urlpatterns = [
    path("contract/indexes", MarketViewSet.as_view({"get": "indexes"})),
    path("contract/index/market", MarketViewSet.as_view({"get": "market"})),
    path("contract/index/kline", MarketViewSet.as_view({"get": "kline"})),
    path("contract/order/create", ContractViewSet.as_view({"post": "create_order"})),
    path("contract/order/cancel", ContractViewSet.as_view({"post": "cancel_order"})),
    path("contract/position/close", ContractViewSet.as_view({"post": "close"})),
    path("contract/order/quote", ContractViewSet.as_view({"post": "quote"})),
    path("contract/position/protect", ContractViewSet.as_view({"post": "protect"})),
    path("contract/positions", ContractViewSet.as_view({"get": "positions"})),
    path("contract/orders", ContractViewSet.as_view({"get": "orders"})),
    path("contract/position/logs", ContractViewSet.as_view({"get": "position_logs"})),
    path("contract/fill/logs", ContractViewSet.as_view({"get": "fill_logs"})),
]
