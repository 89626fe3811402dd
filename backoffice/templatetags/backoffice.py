"""What the back office's templates need of its code."""

from typing import Any

from django import template
from django.urls import reverse

from backoffice.groups import EXPORT

register = template.Library()


@register.simple_tag(takes_context=True)
def export_link(context: Any) -> str:
    """Where the list on this page, as it is searched and filtered, can be had as CSV; empty for who may not."""
    changelist, request = context.get("cl"), context.get("request")
    if changelist is None or not request.user.has_perm(EXPORT):
        return ""
    opts = changelist.opts
    query = request.GET.copy()
    query.pop("p", None)
    return f"{reverse('admin:export', args=[opts.app_label, opts.model_name])}?{query.urlencode()}"
