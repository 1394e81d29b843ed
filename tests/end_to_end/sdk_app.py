"""A chat app that nobody wrote for chaosllm: the official openai and anthropic clients, set up by their variables.

python sdk_app.py PORT    asks both for each POST and answers with both texts, or 503
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai

first, second = openai.OpenAI(timeout=30), anthropic.Anthropic(timeout=30)


class Chat(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))["message"]
        said = [{"role": "user", "content": message}]
        try:
            one = first.chat.completions.create(model="gpt-4o-mini", messages=said, max_tokens=20)
            two = second.messages.create(model="claude-haiku-4-5", messages=said, max_tokens=20)
            status, answer = 200, {"answer": f"{one.choices[0].message.content} {two.content[0].text}"}
        except (openai.APIError, anthropic.APIError) as error:
            status, answer = 503, {"error": type(error).__name__}
        sent = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *args):
        pass


ThreadingHTTPServer.request_queue_size = 200
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Chat).serve_forever()
