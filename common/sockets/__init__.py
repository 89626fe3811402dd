"""The WebSocket hub: one socket for all channels, one Redis subscription a process.

`publish` is the side of whoever has news, `registry` says which channels there are, the rest serves the sockets.
"""
