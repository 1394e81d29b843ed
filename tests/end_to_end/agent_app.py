"""Two agents that nobody wrote for chaosllm, on the official client; each runs a tool that must not run twice.

python agent_app.py PORT    POST /careless begins all over when a call fails, POST /careful asks the failed call again
"""

import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

once, thrice = openai.OpenAI(timeout=5, max_retries=0), openai.OpenAI(timeout=5)
ADDRESS = {"type": "string", "enum": ["ana@example.org"]}
SCHEMA = {"type": "object", "properties": {"to": ADDRESS}, "required": ["to"]}


def agent(client, tool, message):
    """Ask, run the tool that the model calls, tell its result, until the model has no more to call."""
    said = [{"role": "user", "content": f"{message} Please use {tool}."}]
    tools = [{"type": "function", "function": {"name": tool, "parameters": SCHEMA}}]
    while True:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=tools).choices[0].message
        if not answer.tool_calls:
            return answer.content
        said.append(answer.model_dump(exclude_none=True))
        for call in answer.tool_calls:
            result = json.dumps({"receipt": uuid.uuid4().hex})  # the tool runs: a receipt for each time it does
            said.append({"role": "tool", "tool_call_id": call.id, "content": result})


def careless(message):
    """Three tries at all of it."""
    for _ in range(2):
        try:
            return agent(once, "send_email", message)
        except openai.APIError:
            pass
    return agent(once, "send_email", message)


def careful(message):
    """Three tries at each call, as the client has it by default."""
    return agent(thrice, "book_room", message)


class Chat(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))["message"]
        try:
            status, answer = 200, {"answer": {"/careless": careless, "/careful": careful}[self.path](message)}
        except openai.APIError as error:
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
