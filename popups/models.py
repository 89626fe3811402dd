"""What an operator puts in the way of an answer."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from popups.validators import validate_buttons

_version = RegexValidator(r"\A\d{1,6}(\.\d{1,6}){0,3}\Z", _("A version is numbers and dots, such as 1.4.2."))


class Popup(models.Model):
    """A window that the clients it fits are shown instead of an answer, or, where they may close it, once a day.

    `buttons` is a list of {name, type, value}. Versions are written `1.4.2`, empty ones leave that end open. One of
    kind `ban` is shown to banned clients alone and says why they are; those who are not banned never see it.
    """

    class Kind(models.TextChoices):
        UPDATE = "update", _("update")
        BAN = "ban", _("ban")
        NOTICE = "notice", _("notice")

    class Platform(models.TextChoices):
        IOS = "ios", "iOS"
        ANDROID = "android", "Android"
        WEB = "web", _("web")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    title = models.CharField(_("title"), max_length=64)
    content = models.TextField(_("content"), max_length=2000)
    is_cancel = models.BooleanField(
        _("can be closed"),
        default=True,
        help_text=_("Then the home page shows it once in 24 hours. Else it takes the place of every answer."),
    )
    buttons = models.JSONField(_("buttons"), default=list, blank=True, validators=[validate_buttons])
    platforms = ArrayField(
        models.CharField(max_length=8, choices=Platform.choices),
        verbose_name=_("platforms"),
        default=list,
        blank=True,
        help_text=_("None chosen: all of them."),
    )
    version_from = models.CharField(_("from version"), max_length=27, blank=True, default="", validators=[_version])
    version_to = models.CharField(_("to version"), max_length=27, blank=True, default="", validators=[_version])
    also_unknown = models.BooleanField(
        _("also unknown"),
        default=False,
        help_text=_("With a range of versions: also for clients that do not send theirs."),
    )
    client = models.ForeignKey(
        "accounts.Client",
        models.PROTECT,
        verbose_name=_("client"),
        related_name="+",
        null=True,
        blank=True,
        help_text=_("Nobody chosen: for all clients."),
    )
    starts_at = models.DateTimeField(_("from"), db_default=Now())
    ends_at = models.DateTimeField(_("to"), null=True, blank=True)
    enabled = models.BooleanField(_("enabled"), default=False)

    class Meta:
        verbose_name = _("popup")
        verbose_name_plural = _("popups")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["update", "ban", "notice"]), name="popups_popup_kind"),
            models.CheckConstraint(
                condition=~Q(kind="ban") | Q(is_cancel=False),
                name="popups_popup_ban_stays",
                violation_error_message=_("A ban cannot be closed by who reads it."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="popups_popup_ends_later",
                violation_error_message=_("It ends after it starts."),
            ),
        ]
        indexes = [models.Index(fields=["client"], condition=Q(enabled=True), name="popups_popup_enabled")]

    def __str__(self) -> str:
        return self.title
