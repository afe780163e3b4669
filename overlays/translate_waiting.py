"""With waiting-state-type: a client that is older than the type WAITING is told SCHEDULED, and asks for both by it.

What a client knows, it says by its API version, which is 0.8.4 on every release from 2.20.20 to 3.9.1. With this
overlay it is 0.8.5. Who names no version (the UI, curl) is taken to know the type. Events are not translated.
"""

import functools
import json
import re

RELEASES = "==3.3.3"
MODULE = ("prefect.client.constants", "prefect.server.api.server")
VERSION = "0.8.5"
_TYPE = re.compile(rb'("(?:state_)?type": ?)"WAITING"')
_FILTERS = ("any_", "not_any_")


def patch(module):
    if module.__name__ == "prefect.client.constants":
        if module.SERVER_API_VERSION != "0.8.4":
            raise TypeError(f"its API version is {module.SERVER_API_VERSION}")
        module.SERVER_API_VERSION = VERSION
        return
    original = module.create_api_app

    @functools.wraps(original)
    def create_api_app(*args, **kwargs):
        app = original(*args, **kwargs)
        if all(each.cls is not Translation for each in app.user_middleware):  # it may be one that was made before
            app.add_middleware(Translation)
        return app

    module.create_api_app = create_api_app


class Translation:
    """Of the API: translates the bodies of an older client's requests and of what it is answered."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        said = dict(scope.get("headers", ())).get(b"x-prefect-api-version", VERSION.encode()).decode()
        if scope["type"] != "http" or _number(said) >= _number(VERSION):
            await self.app(scope, receive, send)
            return
        body = await _whole(receive)
        if b"SCHEDULED" in body:
            body = json.dumps(_asking_for_both(json.loads(body))).encode()
        left_out = (b"content-length", b"accept-encoding")  # what is compressed cannot be translated
        headers = [each for each in scope["headers"] if each[0] not in left_out]
        scope = {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        given = [{"type": "http.request", "body": body, "more_body": False}]
        answer = []

        async def receive_whole():
            return given.pop() if given else await receive()

        async def send_whole(message):
            answer.append(message)
            if message["type"] != "http.response.body" or message.get("more_body"):
                return
            whole = _TYPE.sub(rb'\1"SCHEDULED"', b"".join(each.get("body", b"") for each in answer[1:]))
            kept = [each for each in answer[0]["headers"] if each[0].lower() != b"content-length"]
            length = (b"content-length", str(len(whole)).encode())
            await send({**answer[0], "headers": [*kept, length] if whole else answer[0]["headers"]})
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive_whole, send_whole)


async def _whole(receive):
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _asking_for_both(value):
    """A filter by the type SCHEDULED takes WAITING, too."""
    if isinstance(value, list):
        return [_asking_for_both(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _asking_for_both(each) for key, each in value.items()}
    for key in _FILTERS:
        if isinstance(found.get(key), list) and "SCHEDULED" in found[key]:
            found[key] = [*found[key], "WAITING"]
    return found


def _number(version):
    return tuple(int(each) if each.isdigit() else 0 for each in version.split("."))
