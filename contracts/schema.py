"""What the calls under /contract/ answer, for OpenAPI."""

from rest_framework import serializers


class IndexBriefSchema(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    sub_title = serializers.CharField()


class LimitsSchema(serializers.Serializer):
    max_order_volume = serializers.IntegerField()
    max_position_volume = serializers.IntegerField()
    max_open_interest = serializers.CharField()


class IndexSchema(IndexBriefSchema):
    lever = serializers.IntegerField()
    code = serializers.CharField()
    quote_change = serializers.CharField()
    contract_size = serializers.CharField()
    decimals = serializers.IntegerField()
    fee_rate = serializers.CharField()
    mmr = serializers.CharField()
    limits = LimitsSchema()
    stale = serializers.BooleanField()
    simulated = serializers.BooleanField()
    halts = serializers.ListField(child=serializers.CharField())


class MarketSchema(serializers.Serializer):
    last_price = serializers.CharField()
    open_price = serializers.CharField()
    quote_change = serializers.CharField()
    today_high = serializers.CharField()
    today_low = serializers.CharField()
    trade_volume = serializers.IntegerField()
    position_volume = serializers.IntegerField()
    stale = serializers.BooleanField()


class CandleSchema(serializers.Serializer):
    open = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    high = serializers.FloatField()
    timestamp = serializers.IntegerField()


class PlacedOrderSchema(serializers.Serializer):
    id = serializers.IntegerField()
    status = serializers.CharField()
    price = serializers.CharField()
    fee = serializers.CharField()


class PlacedCloseSchema(serializers.Serializer):
    id = serializers.IntegerField()
    volume = serializers.IntegerField()
    status = serializers.CharField()


class PositionSchema(serializers.Serializer):
    id = serializers.IntegerField()
    direction = serializers.CharField()
    position_volume = serializers.IntegerField()
    open_price = serializers.CharField()
    liquidation_price = serializers.CharField()
    position_amount = serializers.CharField()
    profit_unreal = serializers.CharField()
    profit_rate = serializers.CharField()
    lever = serializers.IntegerField()
    index = IndexBriefSchema()
    take_profit = serializers.CharField(allow_null=True)
    stop_loss = serializers.CharField(allow_null=True)
    closing = serializers.CharField(allow_null=True)


class QuoteSchema(serializers.Serializer):
    price = serializers.CharField()
    margin = serializers.CharField()
    fee = serializers.CharField()
    hold = serializers.CharField()
    liquidation_price = serializers.CharField()
    max_volume = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)


class PositionLogSchema(serializers.Serializer):
    id = serializers.IntegerField()
    direction = serializers.CharField()
    volume = serializers.IntegerField()
    position_volume = serializers.IntegerField()
    open_price = serializers.CharField()
    close_price = serializers.CharField()
    profit = serializers.CharField()
    fee = serializers.CharField()
    reason = serializers.CharField()
    lever = serializers.IntegerField()
    opened_at = serializers.CharField()
    closed_at = serializers.CharField(allow_null=True)
    index = IndexBriefSchema()


class FillSchema(serializers.Serializer):
    id = serializers.IntegerField()
    order_id = serializers.IntegerField(allow_null=True)
    position_id = serializers.IntegerField()
    direction = serializers.CharField()
    kind = serializers.CharField()
    volume = serializers.IntegerField()
    price = serializers.CharField()
    notional = serializers.CharField()
    fee = serializers.CharField()
    profit = serializers.CharField()
    created_at = serializers.CharField()
    index = IndexBriefSchema()


class OrderSchema(serializers.Serializer):
    id = serializers.IntegerField()
    direction = serializers.CharField()
    volume = serializers.IntegerField()
    trade_volume = serializers.IntegerField()
    price_type = serializers.CharField()
    fee = serializers.CharField()
    created_at = serializers.CharField()
    lever = serializers.IntegerField()
    index = IndexBriefSchema()
    price = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    kind = serializers.CharField()
    fill_price = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)
