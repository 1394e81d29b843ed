"""A chat app of the standard library alone, for tests that are not about the app: it starts in a tenth of a second.

python tiny_app.py PORT    asks OPENAI_BASE_URL once for each POST and passes the answer, or the status, on
With TELLS set it gives away what it was told: in its log, its answers and its errors.
"""

import json
import os
import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Chat(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))["message"]
        base = urlsplit(os.environ["OPENAI_BASE_URL"])
        asked = {"model": "m", "messages": [{"role": "user", "content": message}], "max_tokens": 30}
        try:
            upstream = HTTPConnection(base.hostname, base.port, timeout=10)
            headers = {"content-type": "application/json"}
            if "traceparent" in self.headers:
                headers["traceparent"] = self.headers["traceparent"]
            upstream.request("POST", f"{base.path}/chat/completions", json.dumps(asked), headers)
            answer = upstream.getresponse()
            status, body = answer.status, json.loads(answer.read())
            upstream.close()
        except (OSError, ValueError):
            status, body = 502, {}
        good = status == 200
        said = {"answer": body["choices"][0]["message"]["content"]} if good else {"error": "no answer just now"}
        if "TELLS" in os.environ:
            told = f"{self.path} {self.headers['cookie']} {self.headers['authorization']} {os.environ['TELLS']}"
            print("asked", told, flush=True)
            said = {key: f"{value} {told}" for key, value in said.items()}
        sent = json.dumps(said).encode()
        self.send_response(200 if good else 503)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *args):
        pass


def serve(handler):
    ThreadingHTTPServer.request_queue_size = 200
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()


if __name__ == "__main__":
    serve(Chat)
