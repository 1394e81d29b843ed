"""The simulator as a bare ASGI application: an address for each provider, and one that tells them apart by path.

No framework, because routing and middleware would cost more than the answer itself does here.
What is asked is read by the providers, what is said comes from `answer`, how it looks on the
wire from the providers again; this file only adds time.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

from chaosllm.call import Call, Request
from chaosllm.providers import Completion, Provider, Refusal
from chaosllm.simulator.answer import complete
from chaosllm.simulator.profile import Profile
from chaosllm.simulator.text import Dice
from chaosllm.simulator.wire import BODY_AT_MOST, Receive, Send, play, read_body, send_json, send_whole
from chaosllm.trigger import draw

PATHS_KEPT = 1024  # lookups remembered; a scanner must not grow the table without end
PROMPTS_KEPT = 100_000  # attempts counted, for --fail

# A request that every dialect can read: it finds out whose path one is.
_PROBE = json.dumps({"model": "probe"}).encode()


class Simulator:
    """An ASGI application; `providers` by name, `fail` is the share of calls it answers with a 500.

    A request that came in by one of `ports` is for that provider alone; on any other port its host
    and its path tell. With `compress` whoever accepts gzip gets it.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        seed: int = 0,
        profile: Profile | None = None,
        fail: float = 0.0,
        compress: bool = False,
    ) -> None:
        self.providers = [*providers.values()]
        # On the shared port OpenAI first, because its path is also that of its many imitators.
        self._by_path = sorted(self.providers, key=lambda provider: (provider.name != "openai", provider.name))
        self.ports: dict[int, Provider] = {}
        self._seed = seed
        self._profile = profile or Profile()
        self._fail = fail
        self._compress = compress
        self._owners: dict[tuple[str, str], Provider | None] = {}
        self._attempts: dict[bytes, int] = {}
        self.answered = 0
        self.refused = 0
        self.left = 0  # clients that went before the end
        self.came = 0  # requests of any kind
        self.open = 0  # of them those that are not over

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of scope are not served."""
        if scope["type"] != "http":
            return
        self.came += 1
        self.open += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self.open -= 1

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        path: str = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            path += "?" + scope["query_string"].decode("latin-1")
        method: str = scope["method"]
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        host = next((value for name, value in headers if name == "host"), "").partition(":")[0]
        server = scope.get("server")
        own = self.ports.get(server[1]) if server else None
        if method == "GET" and (known := self._known(own, scope["path"])) is not None:
            await send_json(send, 200, known)
            return
        owner = own or self._owner(host, path)
        if owner is None:
            await send_json(send, 404, self._not_served(method, scope["path"]))
            return
        body = await read_body(receive)
        if body is None:
            self.left += 1
            return
        request = Request("POST", host, path, headers, body, upstream=owner.name)
        call = owner.read(request)
        if call is None:
            call = Call("", owner.name, "", "unknown", stream=False, path=path.partition("?")[0])
            why = f"{method} {call.path} is not served by the simulator"
            served = ", ".join(f"POST {known}" for known in owner.paths)
            refusal = Refusal("error", "bad_request", status=404, message=f"{why}; served are {served}")
            await self._refuse(send, owner, call, refusal, why)
        elif method != "POST":
            why = f"method {method} is not allowed here, use POST"
            await self._refuse(send, owner, call, Refusal("error", "bad_request", status=405, message=why), why)
        else:
            await self._answer(owner, request, call, receive, send)

    async def _answer(self, provider: Provider, request: Request, call: Call, receive: Receive, send: Send) -> None:
        start = time.monotonic()
        if len(request.body) > BODY_AT_MOST:
            why = f"the body is larger than {BODY_AT_MOST} bytes"
            refusal = Refusal("error", "too_large")
            if "error/too_large" not in provider.refusals:  # Ollama knows no limit
                refusal = Refusal("error", "bad_request", status=413, message=why)
            await self._refuse(send, provider, call, refusal, why)
            return
        body = request.json
        if not isinstance(body, dict):
            why = "the body is not a JSON object"
            await self._refuse(send, provider, call, Refusal("error", "bad_request", message=why), why)
            return
        wish = provider.wish(call, body)
        if wish.missing:
            why = f"{wish.missing[0]} is missing"
            await self._refuse(send, provider, call, Refusal("error", "bad_request", message=why), why)
            return
        prompt = provider.prompt(request)
        if self._fail and self._fails(prompt):
            await self._refuse(send, provider, call, Refusal("error", "server"), "by --fail")
            return
        token = self.answered + self.refused
        id = hashlib.blake2b(
            f"{self._seed}:{token}".encode(), digest_size=16
        ).hexdigest()  # no fewer digits than a UUID
        completion = complete(self._seed, call, wish, prompt, id=id, created=int(time.time()))
        begin = start + self._profile.first(Dice(self._seed, prompt))
        self.answered += 1
        if call.stream:
            headers = provider.stream_headers(completion, call)
            pieces = self._pace(provider, call, completion, body, begin)
        else:
            headers, whole = provider.complete(completion, call, body)
            pieces = [(begin + self._profile.after(completion.usage.output_tokens), whole)]
        gzip = self._compress and "gzip" in (request.header("accept-encoding") or "")
        if not await play(receive, send, headers, pieces, whole=not call.stream, gzip=gzip):
            self.left += 1

    def _pace(
        self, provider: Provider, call: Call, completion: Completion, request: Any, begin: float
    ) -> list[tuple[float, bytes]]:
        """Each raw event with the time at which it is due.

        What comes before the first text is due with it, what comes after the last text with that.
        """
        events = list(provider.stream(completion, call, request))
        parts = (provider.part(call, raw) for raw in events)
        opening = next((at for at, part in enumerate(parts) if part.text or part.tool), 0)
        texts = len(completion.chunks) or max(1, len(events) - opening)  # a tool's fragments are the provider's own
        after = self._profile.after
        return [(begin + after(min(max(0, at - opening), texts - 1)), raw) for at, raw in enumerate(events)]

    def _owner(self, host: str, path: str) -> Provider | None:
        """Whose path this is: by host where a provider knows it, else by path alone."""
        key = (host, path.partition("?")[0])
        if key not in self._owners:
            if len(self._owners) >= PATHS_KEPT:
                self._owners.clear()
            self._owners[key] = next(
                (
                    provider
                    for hinted in (False, True)
                    for provider in self._by_path
                    if provider.read(Request("POST", host, path, (), _PROBE, provider.name if hinted else None))
                ),
                None,
            )
        return self._owners[key]

    def _fails(self, prompt: str) -> bool:
        """Whether this try fails: drawn by prompt and attempt, so that concurrency changes nothing."""
        key = hashlib.blake2b(prompt.encode(errors="replace"), digest_size=16).digest()
        if len(self._attempts) >= PROMPTS_KEPT:
            self._attempts.clear()
        attempt = self._attempts[key] = self._attempts.get(key, -1) + 1
        return draw(self._seed, "simulator", key.hex(), attempt) < self._fail

    async def _refuse(self, send: Send, provider: Provider, call: Call, refusal: Refusal, why: str) -> None:
        """The provider's own refusal; a header says in words what was wrong, where the body may not."""
        reply = provider.refuse(refusal, call, now=time.time(), token=self.answered + self.refused)
        self.refused += 1
        allow = (("allow", "POST"),) if reply.status == 405 else ()
        await send_whole(send, reply.status, (*reply.headers, *allow, ("x-simulator-why", why)), reply.body)

    def _known(self, own: Provider | None, path: str) -> Any:
        """The JSON of a GET that is no model call; None where there is none."""
        if path == "/healthz":
            return {"ok": True, "answered": self.answered, "refused": self.refused, "left": self.left}
        lists = (provider.listing(path) for provider in ([own] if own else self._by_path))
        return next((listed for listed in lists if listed is not None), None)

    def _not_served(self, method: str, path: str) -> dict[str, Any]:
        posts = dict.fromkeys(f"POST {known}" for provider in self._by_path for known in provider.paths)
        served = [*posts, "GET /healthz"]
        message = f"{method} {path} is not served by the simulator; served are {', '.join(served)}"
        return {"error": {"message": message, "type": "not_found", "served": served}}
