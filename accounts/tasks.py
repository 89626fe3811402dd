"""Pruning."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from accounts.models import Nonce, RevokedToken

# A revoked token is remembered a while longer than it lives, for the web process whose clock is behind.
MARGIN = timedelta(hours=1)


@shared_task
def prune() -> int:
    """Forgets expired nonces and revoked tokens that would have expired by now; the number forgotten."""
    now = timezone.now()
    nonces, _ = Nonce.objects.filter(expires_at__lt=now).delete()
    tokens, _ = RevokedToken.objects.filter(expires_at__lt=now - MARGIN).delete()
    return nonces + tokens
