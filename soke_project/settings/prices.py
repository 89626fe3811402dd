"""Where index prices come from."""

from soke_project.settings.environment import DEVELOPMENT, env

# Prices that are made up; production refuses them unless told.
ALLOW_SIMULATED = DEVELOPMENT or env.bool("SOKE_ALLOW_SIMULATED", False)
# The relative step of a second: 0.0001 is about 3 % a day.
SIMULATED_VOLATILITY = env.float("SOKE_SIMULATED_VOLATILITY", 0.0001)
# The oldest quote, in seconds, that counts.
QUOTE_MAX_AGE = env.float("SOKE_QUOTE_MAX_AGE", 3.0)
# The longest that an exchange's answer is waited for, seconds.
VENUE_TIMEOUT = env.float("SOKE_VENUE_TIMEOUT", 2.0)
# {exchange: ccxt's options of it}, such as its `urls`.
VENUE_OPTIONS = env.json("SOKE_VENUE_OPTIONS", {})
# What the venue `replay` plays.
REPLAY_FILE = env.str("SOKE_REPLAY_FILE", "")
# How long a web process answers reads of the market from memory.
MARKET_CACHE_SECONDS = env.float("SOKE_MARKET_CACHE_SECONDS", 0.5)
