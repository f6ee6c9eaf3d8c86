"""A handler on the HTTP library of the mock server: it reads the body and answers fixed bytes, without OpAMP."""

import socket
import sys
from typing import Any

import uvicorn

BODY = bytes(22)


async def application(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/x-protobuf"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}/v1/opamp\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        application, lifespan="off", log_config=None, access_log=False, server_header=False, date_header=False
    )
    uvicorn.Server(config).run(sockets=[listener])
