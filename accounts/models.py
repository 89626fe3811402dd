"""Clients, the nonces they sign, and tokens that ended before their time."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now, Upper
from django.utils.translation import gettext_lazy as _


class Client(models.Model):
    """Somebody who proved to own a wallet. `address` bears its EIP-55 checksum.

    Who is banned may do nothing any more (bans.py); the reason is for operators, clients read the ban's popup.
    """

    address = models.CharField(_("address"), max_length=42)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    last_sign_in_at = models.DateTimeField(_("last sign-in"), null=True)
    banned_at = models.DateTimeField(_("banned at"), null=True, blank=True)
    banned_by = models.CharField(_("banned by"), max_length=150, blank=True, db_default="")
    ban_reason = models.CharField(_("reason of the ban"), max_length=200, blank=True, db_default="")

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        permissions = [("ban_client", _("Can ban clients, and propose or approve the end of a ban"))]
        constraints = [
            # Upper and not lower case, so that Django's `iexact` is answered from this index.
            models.UniqueConstraint(Upper("address"), name="accounts_client_address_any_case"),
            models.CheckConstraint(condition=Q(address__regex="^0x[0-9a-fA-F]{40}$"), name="accounts_client_address"),
            models.CheckConstraint(
                condition=Q(banned_at__isnull=True, banned_by="", ban_reason="")
                | Q(banned_at__isnull=False) & ~Q(banned_by="") & ~Q(ban_reason=""),
                name="accounts_client_ban",
            ),
        ]
        indexes = [
            models.Index(fields=["banned_at"], condition=Q(banned_at__isnull=False), name="accounts_client_banned")
        ]

    def __str__(self) -> str:
        return self.address


class Nonce(models.Model):
    """What a wallet may sign once until `expires_at`: the EIP-4361 `message`, or the bare `nonce` (40 hex digits).

    `ip` is who asked for it, so that nobody's flood of nonces hides those of the wallet's owner.
    """

    nonce = models.CharField(_("nonce"), primary_key=True, max_length=40)
    address = models.CharField(_("address"), max_length=42)
    message = models.TextField(_("message"))
    ip = models.CharField(_("IP address"), max_length=64)
    expires_at = models.DateTimeField(_("expires"))
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("nonce")
        verbose_name_plural = _("nonces")
        indexes = [
            models.Index(fields=["address", "ip", "expires_at"], name="accounts_nonce_own"),
            models.Index(fields=["address", "expires_at"], name="accounts_nonce_live"),
            models.Index(fields=["expires_at"], name="accounts_nonce_age"),
        ]

    def __str__(self) -> str:
        return self.nonce


class RevokedToken(models.Model):
    """A token that was signed out or replaced; kept until it would have expired by itself."""

    jti = models.CharField(_("token id"), primary_key=True, max_length=32)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("revoked token")
        verbose_name_plural = _("revoked tokens")
        indexes = [models.Index(fields=["expires_at"], name="accounts_revokedtoken_age")]

    def __str__(self) -> str:
        return self.jti
