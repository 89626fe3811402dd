"""The pages. Each is a shell with its words; figures and lists come by the API and the socket."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie

from common.money import format_money
from common.public_ids import encode
from contracts import queries as contracts
from market_making.book import MINIMUM_PLEDGE
from pages import demonstration, texts
from payments.services.withdrawing import MINIMUM as MINIMUM_WITHDRAWAL
