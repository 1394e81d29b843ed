"""The tiny app, with some work to do for each answer: 10 ms of a core.

python toiling_app.py PORT
"""

import time

from tiny_app import Chat, serve


class Toiling(Chat):
    def do_POST(self):
        begun = time.thread_time()
        while time.thread_time() - begun < 0.01:
            pass
        super().do_POST()


if __name__ == "__main__":
    serve(Toiling)
