"""The module's calls under /api/v1."""

from django.urls import path

from accounts.api import SignInCalls, TokenCalls

urlpatterns = [
    path("auth/nonce", SignInCalls.as_view({"post": "nonce"})),
    path("auth/token", SignInCalls.as_view({"post": "token"})),
    path("auth/logout", TokenCalls.as_view({"post": "logout"})),
    path("auth/refresh", TokenCalls.as_view({"post": "refresh"})),
]
