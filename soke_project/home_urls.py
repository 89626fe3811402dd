"""The home call, which joins all modules."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
