"""Public ids: database ids put through a multiplicative scramble that the owner's samples fix.

Not a secret and no access control: every look-up is also limited to its owner.
"""

_PRIME = 2079446857
_INVERSE = pow(_PRIME, -1, 2**31)
_MASK = 1831128969
_LIMIT = 2**31


def encode(database_id: int) -> int:
    """The id a client sees; one of 2^31 or more stands as it is."""
    if database_id >= _LIMIT:
        return database_id
    return (database_id * _PRIME % _LIMIT) ^ _MASK


def decode(public_id: int) -> int:
    """The database id behind a public one."""
    if public_id >= _LIMIT:
        return public_id
    return (public_id ^ _MASK) * _INVERSE % _LIMIT
