"""Indexes and baskets for the operator; what the engine writes is only read."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from common.admin import ReadOnlyAdmin
from common.money import parse_plain
from common.times import format_time
from indexes import evidence, terms, venues
from indexes.models import Basket, Candle, CandleGap, Constituent, Index, IndexState, Leadership, Tick
from indexes.preview import preview
from operations.audited import AuditedAdmin, plain

_USES = {
    evidence.COUNTS: pgettext_lazy("quote", "counts"),
    evidence.CLAMPED: _("clamped"),
    evidence.APART: _("not enough: the venues disagree"),
    evidence.ALONE: _("not enough: one venue alone"),
    evidence.MISSING: _("missing"),
    "old": _("left out: too old"),
    "frozen": _("left out: the venue stands still"),
    "impossible": _("left out: not a possible price"),
}


def _written(seconds: int | None) -> str:
    """Unix seconds as the API writes times."""
    if seconds is None:
        return "-"
    return format_time(datetime.fromtimestamp(seconds, UTC))


class IndexForm(forms.ModelForm):
    """The bounds of the terms are the model's constraints; what is open may object besides."""

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """Without the zeros, and the exponents, that the columns add."""
        value = super().get_initial_for_field(field, field_name)
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.instance.pk and cleaned:
            before = Index.objects.get(pk=self.instance.pk)
            after = Index(pk=before.pk, **cleaned)
            if sentences := terms.objections(before, after):
                raise forms.ValidationError(sentences)
        return cleaned


@admin.register(Index)
class IndexAdmin(AuditedAdmin):
    form = IndexForm
    list_display = ("title", "code", "enabled", "lever", "fee_rate", "spread", "last_price", "stale")
    list_filter = ("enabled", "shard")
    search_fields = ("title", "sub_title", "code")
    list_select_related = ("state",)
    fieldsets = (
        (None, {"fields": ("title", "sub_title", "code", "decimals", "enabled", "position", "shard")}),
        (
            _("Terms"),
            {
                "fields": (
                    "lever",
                    "fee_rate",
                    "mmr",
                    "liquidation_fee_rate",
                    "max_profit_rate",
                    "contract_size",
                    "spread",
                )
            },
        ),
        (_("Limits"), {"fields": ("max_order_volume", "max_position_volume", "max_open_interest")}),
        (_("Where its price comes from"), {"fields": ("last_second",)}),
    )
    readonly_fields = ("last_second",)

    def get_readonly_fields(self, request: HttpRequest, obj: Index | None = None) -> tuple[str, ...]:
        """Apps and pages know an index by its code: it is given once."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "code")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is disabled instead: what was traded on it stays."""
        return False

    @admin.display(description=_("prices of the last second"))
    def last_second(self, index: Index) -> str:
        found = evidence.last_second(index) if index.pk else None
        if found is None:
            return str(_("No engine has looked at it yet."))
        return render_to_string(
            "admin/indexes/last_second.html",
            {
                "heading": _("Basket %(version)s, %(time)s") % {"version": found.basket, "time": format_time(found.at)},
                "reason": found.stale_reason and _("The index is stale: %(reason)s") % {"reason": found.stale_reason},
                "constituents": [
                    {
                        "symbol": constituent.symbol,
                        "weight": constituent.weight,
                        "price": constituent.price,
                        "quotes": [
                            (
                                quote.venue,
                                quote.price,
                                "-" if quote.age is None else f"{max(quote.age, 0):.1f}",
                                _USES[quote.use],
                            )
                            for quote in constituent.quotes
                        ],
                    }
                    for constituent in found.constituents
                ],
            },
        )

    @admin.display(description=_("last price"))
    def last_price(self, index: Index) -> str:
        price = "-" if index.state.last_price is None else str(index.state.last_price)
        return f"{price} ({_('simulated')})" if index.state.simulated else price

    @admin.display(description=_("stale"))
    def stale(self, index: Index) -> str:
        return index.state.stale_reason or "-"


class BasketForm(forms.ModelForm):
    """The first basket has a divisor; later ones are announced and get theirs when they take effect."""

    class Meta:
        model = Basket
        fields = ("index", "effective_at", "divisor")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        index, effective_at = cleaned.get("index"), cleaned.get("effective_at")
        if index is None or effective_at is None:
            return cleaned
        others = Basket.objects.filter(index=index).exclude(pk=self.instance.pk)
        if self.instance.pk:
            others = others.filter(version__lt=self.instance.version)
        newest = others.aggregate(version=Max("version"), effective_at=Max("effective_at"))
        if not self.instance.pk:
            self.instance.version = (newest["version"] or 0) + 1
        if newest["version"] is None:
            if not (cleaned.get("divisor") or 0) > 0:
                self.add_error("divisor", _("The first basket needs a divisor above 0."))
            return cleaned
        if cleaned.get("divisor") is not None:
            self.add_error("divisor", _("Only the first basket is given a divisor; the engine finds the others."))
        if effective_at <= max(timezone.now(), newest["effective_at"]):
            self.add_error("effective_at", _("A later basket takes effect in the future, after the one before."))
        return cleaned


class ConstituentForm(forms.ModelForm):
    venues = forms.MultipleChoiceField(
        label=_("venues"),
        choices=lambda: [(name, name) for name in venues.names()],
        widget=UnfoldAdminSelect2MultipleWidget,
    )

    class Meta:
        model = Constituent
        fields = ("symbol", "weight", "venues", "allow_single_venue")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if len(cleaned.get("venues", ())) == 1 and not cleaned.get("allow_single_venue"):
            self.add_error("venues", _("Name two venues or more, or tick that one is enough."))
        return cleaned


class ConstituentInline(TabularInline):
    model = Constituent
    form = ConstituentForm
    extra = 0
    min_num = 1
    validate_min = True


def _in_effect(basket: Basket | None) -> bool:
    return basket is not None and basket.effective_at <= timezone.now()


@admin.register(Basket)
class BasketAdmin(AuditedAdmin):
    form = BasketForm
    inlines = [ConstituentInline]
    change_form_after_template = "admin/indexes/basket_preview.html"
    list_display = ("index", "version", "effective_at", "divisor")
    list_filter = ("index",)
    search_fields = ("index__title", "index__code", "constituents__symbol")
    list_select_related = ("index",)

    def get_urls(self) -> list[Any]:
        own = path("preview/", self.admin_site.admin_view(self.preview), name="indexes_basket_preview")
        return [own, *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What the form's constituents would make of its index; part of a page, changes nothing."""
        if request.method != "POST" or not self.has_add_permission(request):
            raise PermissionDenied
        weights: dict[str, Decimal] = {}
        count = request.POST.get("constituents-TOTAL_FORMS", "")
        for number in range(min(int(count), 200) if count.isascii() and count.isdigit() and len(count) < 5 else 0):
            prefix = f"constituents-{number}-"
            symbol, weight = request.POST.get(prefix + "symbol", "").strip(), request.POST.get(prefix + "weight", "")
            value = parse_plain(weight, 12)
            if symbol and value and not request.POST.get(prefix + "DELETE"):
                weights[symbol] = value
        basket_id, index_id = request.POST.get("basket", ""), request.POST.get("index", "")
        chosen = Index.objects.select_related("state")
        if basket_id.isascii() and basket_id.isdigit() and len(basket_id) < 19:
            index = chosen.filter(baskets=int(basket_id)).first()
        else:
            digits = index_id if index_id.isascii() and index_id.isdigit() and len(index_id) < 19 else "0"
            index = chosen.filter(pk=int(digits)).first()
        if index is None or not weights:
            context: dict[str, Any] = {"error": _("Choose an index, and give each constituent a symbol and a weight.")}
        else:
            divisor = parse_plain(request.POST.get("divisor", ""), 40)
            context = {"found": preview(index, weights, divisor or None)}
        return render(request, "admin/indexes/preview.html", context)

    def audited(self, row: Basket) -> dict[str, Any]:
        parts = [plain(part) for part in row.constituents.order_by("symbol")]
        kept = ("symbol", "weight", "venues", "allow_single_venue")
        return {**plain(row), "constituents": [{name: part[name] for name in kept} for part in parts]}

    def get_readonly_fields(self, request: HttpRequest, obj: Basket | None = None) -> tuple[str, ...]:
        return ("index",) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Basket | None = None) -> bool:
        """What ticks were made of stays as it was."""
        return not _in_effect(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Basket | None = None) -> bool:
        return not _in_effect(obj) and super().has_delete_permission(request, obj)


@admin.register(Constituent)
class ConstituentAdmin(ReadOnlyAdmin):
    list_display = ("basket", "symbol", "weight", "venues", "allow_single_venue")
    search_fields = ("symbol", "basket__index__title", "basket__index__code")
    list_select_related = ("basket__index",)

    def has_delete_permission(self, request: HttpRequest, obj: Constituent | None = None) -> bool:
        """With its basket, as long as that is only announced."""
        return obj is not None and not _in_effect(obj.basket) and ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(IndexState)
class IndexStateAdmin(ReadOnlyAdmin):
    list_display = ("index", "last_price", "ticked", "stale", "stale_reason", "simulated", "jump_price")
    list_filter = ("stale", "simulated")
    search_fields = ("index__title", "index__code")
    list_select_related = ("index",)

    @admin.display(description=_("last tick"), ordering="ticked_at")
    def ticked(self, state: IndexState) -> str:
        return _written(state.ticked_at)


class _LongAdmin(ReadOnlyAdmin):
    """A table too long to be counted."""

    paginator = InfinitePaginator
    show_full_result_count = False
    list_select_related = ("index",)
    search_fields = ("=index__code", "=id")
    ordering = ("-id",)


@admin.register(Tick)
class TickAdmin(_LongAdmin):
    list_display = ("id", "index", "at", "price", "fetched_since", "simulated", "epoch")
    list_filter = ("index", "simulated")


@admin.register(Candle)
class CandleAdmin(_LongAdmin):
    list_display = ("id", "index", "interval", "began", "open", "high", "low", "close")
    list_filter = ("index", "interval")

    @admin.display(description=_("start"), ordering="start")
    def began(self, candle: Candle) -> str:
        return _written(candle.start)


@admin.register(CandleGap)
class CandleGapAdmin(ReadOnlyAdmin):
    list_display = ("index", "began", "ended", "price")
    search_fields = ("index__title", "index__code")
    list_select_related = ("index",)

    @admin.display(description=_("from"), ordering="start")
    def began(self, gap: CandleGap) -> str:
        return _written(gap.start)

    @admin.display(description=_("to"), ordering="end")
    def ended(self, gap: CandleGap) -> str:
        return _written(gap.end)


@admin.register(Leadership)
class LeadershipAdmin(ReadOnlyAdmin):
    list_display = (
        *("shard", "epoch", "holder", "heartbeat_at", "ticked", "skipped", "took", "stale_indexes"),
        *("executions", "failures"),
    )
    search_fields = ("shard", "holder")

    @admin.display(description=_("last second"), ordering="ticked_at")
    def ticked(self, leadership: Leadership) -> str:
        return _written(leadership.ticked_at)

    @admin.display(description=_("read, decide, push, execute, ms"))
    def took(self, leadership: Leadership) -> str:
        phases = (
            *(leadership.read_seconds, leadership.decide_seconds),
            *(leadership.push_seconds, leadership.execute_seconds),
        )
        return ", ".join(f"{seconds * 1000:.0f}" for seconds in phases)

    @admin.display(description=_("stale indexes"))
    def stale_indexes(self, leadership: Leadership) -> int:
        return IndexState.objects.filter(index__shard=leadership.shard, stale=True).count()
