// The wire to the run: the stream of events with reconnecting, commands that are sent once, heartbeats.

/** Milliseconds without a byte after which the stream is given up; the server speaks at least every 2 s. */
const SILENCE = 7000;
/** Milliseconds after which a command is sent again: on loopback an answer takes a few. */
const ANSWER = 4000;
const BEAT = 2000;
const WAITS = [300, 700, 1500, 3000, 5000];

/** Splits a body into server-sent events; `alive` is called with each chunk. */
async function* messages(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive(true);
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const message = { event: "message", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) message.event = line.slice(7);
        else if (line.startsWith("data: ")) message.data += line.slice(6);
      }
      if (message.data) yield message;
    }
  }
}

/** What works without this page. */
export const ELSE = "look at the terminal of the run: Ctrl-C there, and `chaosllm stop` anywhere on its machine, stop it too";

export class Link {
  /** `hear(kind, payload)`: kinds are "state", "event" and "link" (live, lost, refused, over). */
  constructor(token, hear) {
    this.token = token;
    this.hear = hear;
    this.seq = null;
    this.who = "";
    this.console = crypto.randomUUID().slice(0, 8);
    this.beaten = 0;
    this.heard = Date.now(); // the newest byte
    this.over = false;
  }

  headers(more = {}) {
    return { authorization: `Bearer ${this.token}`, "x-chaosllm-channel": "console", ...more };
  }

  /** Follows the run until it is over or the token is refused. */
  async follow() {
    let failed = 0;
    for (;;) {
      const abort = new AbortController();
      let watch = 0;
      const alive = (bytes = false) => {
        if (bytes) this.heard = Date.now();
        clearTimeout(watch);
        watch = setTimeout(() => abort.abort(), SILENCE);
        this.beat();
      };
      try {
        alive();
        const after = this.seq === null ? "" : `?after=${this.seq}`;
        const answer = await fetch(`/v1/events${after}`, { headers: this.headers(), signal: abort.signal });
        if (answer.status === 401 || answer.status === 403) return this.hear("link", { status: "refused" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        this.hear("link", { status: "live" });
        for await (const { event, data } of messages(answer.body, alive)) {
          failed = 0;
          if (event === "end") {
            this.over = true;
            return this.hear("link", { status: "over" });
          }
          const told = JSON.parse(data);
          this.seq = told.seq;
          try {
            this.hear(event === "state" ? "state" : "event", told);
          } catch (wrong) {
            this.seq = null; // what we have is not the state before this event: begin anew from the whole
            throw wrong;
          }
        }
      } catch {
        // the stream broke, or was silent: try again below
      } finally {
        clearTimeout(watch);
        abort.abort();
      }
      const wait = WAITS[Math.min(failed, WAITS.length - 1)];
      failed += 1;
      this.hear("link", { status: "lost", wait, failed, heard: this.heard });
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  /** Says that this console lives. Called as bytes come, because timers of hidden pages are slowed down. */
  beat() {
    const now = Date.now();
    if (now - this.beaten < BEAT - 150 || this.over) return;
    this.beaten = now;
    this.post("/v1/heartbeat", { console: this.console }).catch(() => {});
  }

  post(path, body, more = {}) {
    return fetch(path, {
      ...more,
      method: "POST",
      headers: this.headers({ "content-type": "application/json" }),
      body: JSON.stringify(body),
    });
  }

  /** Sends a command; tries again under the same id, which is done once, when the wire breaks or nobody answers. `{ok}` or `{ok: false, what, hint}`. */
  async send(command) {
    const body = { id: crypto.randomUUID(), ...(this.who ? { who: this.who } : {}), ...command };
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.post("/v1/commands", body, { signal: AbortSignal.timeout(ANSWER) });
        const told = await answer.json();
        return answer.ok ? { ok: true, event: told } : { ok: false, ...told.error };
      } catch {
        if (tries === 4 || this.over) {
          return { ok: false, what: `no answer to ${command.do}: it may not have been done`, hint: ELSE };
        }
        await new Promise((done) => setTimeout(done, 250 * (tries + 1)));
      }
    }
  }
}
