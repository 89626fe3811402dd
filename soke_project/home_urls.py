"""The home call's path."""

from django.urls import path

from soke_project.home import HomeViewSet

urlpatterns = [path("index/index", HomeViewSet.as_view({"get": "index"}))]
