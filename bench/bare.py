"""The limit of pushes: bare sockets of the `websockets` library and its broadcast(). `python -m bench.bare PORT`."""

import asyncio
import os
import sys

import redis.asyncio
from websockets.asyncio.server import ServerConnection, broadcast, serve

# What Redis says here is sent to every socket as it is.
CHANNEL = "soke:bench:bare"


async def main(port: int) -> None:
    sockets: set[ServerConnection] = set()

    async def hold(connection: ServerConnection) -> None:
        sockets.add(connection)
        await connection.wait_closed()
        sockets.discard(connection)

    async with (
        redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]).pubsub() as subscription,
        serve(hold, "127.0.0.1", port, compression=None, ping_interval=None),
    ):
        await subscription.subscribe(CHANNEL)
        async for message in subscription.listen():
            if message["type"] == "message":
                broadcast(sockets, message["data"].decode())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
