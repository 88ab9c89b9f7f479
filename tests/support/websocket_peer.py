"""The WebSocket library of somebody else (python3-websockets) talks to an echo, and says what it got:

    websocket_peer.py ws://127.0.0.1:9000/ws
"""
import asyncio
import sys

import websockets


async def talk(url):
    echoed = ponged = 0
    async with websockets.connect(url, compression="deflate", max_size=None) as peer:
        assert peer.extensions == [], peer.extensions
        for message in ("", "κόσμε", "x" * 65536, b"", bytes(range(256)) * 8192, ["in ", "three ", "parts"], [b"\0"] * 100, "𝄞" * 50000,
                        b"\xff" * 70000):
            await peer.send(message)
            whole = message if not isinstance(message, list) else message[0][:0].join(message)
            assert await peer.recv() == whole
            echoed += 1
        for payload in (b"", b"\xff" * 125):
            await (await peer.ping(payload))
            ponged += 1
        await peer.close(3001, "enough")
        print(f"echoed {echoed}, ponged {ponged}, closed {peer.close_code}")


asyncio.run(talk(sys.argv[1]))
