"""The pages' paths, and the demonstration wallet's."""

from django.urls import path

from pages import demonstration, views

urlpatterns = [
    path("", views.page("markets"), name="markets"),
    path("trade", views.trade, name="trade"),
    path("trade/<slug:code>", views.trade, name="trade"),
    path("wallet", views.page("wallet"), name="wallet"),
    path("statement", views.page("statement"), name="statement"),
    path("pool", views.page("pool"), name="pool"),
    path("funds", views.page("funds"), name="funds"),
    path("mining", views.page("mining"), name="mining"),
    path("demonstration/rpc", demonstration.rpc),
]
