"""Funds: purchases paid on chain, the ends of their periods, redemptions, and the reserve that pays rewards."""

from funds.services.periods import pay_waiting, settle
from funds.services.purchases import place_purchase
from funds.services.redemptions import redeem_asked, request_redemption
from funds.services.reserve import top_up_reserve

__all__ = ["pay_waiting", "place_purchase", "redeem_asked", "request_redemption", "settle", "top_up_reserve"]
