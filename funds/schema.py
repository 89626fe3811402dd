"""What the calls under /fund/ answer, for OpenAPI."""

from rest_framework import serializers


class PeriodSchema(serializers.Serializer):
    period = serializers.CharField(help_text="months")
    profit = serializers.CharField()


class ProductSchema(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    total_volume = serializers.IntegerField()
    remain_volume = serializers.IntegerField()
    periods = PeriodSchema(many=True)
    unit_price = serializers.CharField()
    early_fee = serializers.CharField(
        allow_null=True, help_text="of the principal, for redeeming before the end; null where that is not possible"
    )
    created_at = serializers.CharField()


class ProductBriefSchema(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()


class FundOrderSchema(serializers.Serializer):
    id = serializers.IntegerField()
    unit_price = serializers.CharField()
    amount = serializers.CharField()
    period = serializers.IntegerField(help_text="months")
    volume = serializers.IntegerField()
    status = serializers.IntegerField(help_text="0 unpaid, 1 confirming, 2 confirmed, 3 failed")
    no = serializers.CharField()
    created_at = serializers.CharField()
    product = ProductBriefSchema()
    reason = serializers.CharField(allow_null=True)
    matures_at = serializers.CharField(allow_null=True)
    early_fee = serializers.CharField(allow_null=True)


class RedeemedOrderSchema(FundOrderSchema):
    redeemed_amount = serializers.CharField()
    fee = serializers.CharField()
    bought_at = serializers.CharField()


class FundRewardSchema(serializers.Serializer):
    id = serializers.IntegerField()
    reward = serializers.CharField()
    created_at = serializers.CharField()
    product = ProductBriefSchema()
    order_id = serializers.IntegerField()
