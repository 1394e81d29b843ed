// The console: takes the state and its events in, draws them once a frame, and sends what is pressed.

import { Chart } from "./charts.js";
import { drawControls, wireControls } from "./controls.js";
import { drawDay, drawDayClock } from "./day.js";
import { $, busy, mark, say, show } from "./dom.js";
import { drawFindings, drawLog, drawTiles } from "./feeds.js";
import { fold } from "./fold.js";
import { ELSE, Link } from "./link.js";
import { clock, known, left, number, seconds, time } from "./words.js";

const KINDS = { run: "run", gameday: "game day", proxy: "proxy" };
const STATUS = { starting: "◌ starting", waiting: "? waiting", running: "▶ running", paused: "‖ faults paused", stopping: "■ stopping", judging: "◌ judging", over: "● over" };
const LOOKS = { pass: "pass", fail: "bad", inconclusive: "warn" };
const SIGNS = { pass: "✓", fail: "✗", inconclusive: "?" };
const IDLE = { starting: "Getting ready ...", waiting: "No run is on. The next step waits for approval.", judging: "The run is being judged ..." };

/** Milliseconds without a byte after which the page says that what it shows is old; without an answer to a command. */
const PATIENCE = 5000, PROMPT = 2500;

let state = null;
let wire = "connecting";
let silent = null; // since when nobody answers
let hovered = null;
let wanted = false;

const charts = [
  new Chart({ title: "Goodput", unit: "good answers a second", height: 240, first: true, base: (one) => one.run.figures?.baseline, format: (value, exact) => number(value, exact || (value < 10 && value % 1) ? 1 : 0),
    lines: [{ key: "offered", name: "offered", look: "offered" }, { key: "goodput", name: "goodput", look: "goodput", fill: true }] }),
  new Chart({ title: "Latency", unit: "of the newest operations", height: 170, format: (value, exact) => (exact ? seconds(value) : `${number(value, value < 10 && value % 1 ? 1 : 0)} s`),
    lines: [{ key: "p95", name: "p95", look: "p95", most: true }, { key: "p50", name: "p50", look: "p50" }] }),
  new Chart({ title: "Calls", unit: "for each operation", height: 130, base: (one) => one.run.figures?.baseline_attempts, format: (value, exact) => number(value, exact ? 2 : value % 1 ? 1 : 0),
    lines: [{ key: "attempts", name: "calls", look: "attempts" }] }),
  new Chart({ title: "Calls", unit: "a second", late: true, height: 130, format: (value, exact) => number(value, exact || (value < 10 && value % 1) ? 1 : 0),
    lines: [{ key: "call_rate", name: "calls", look: "attempts" }] }),
];

/** The token out of the address, which then does not show it any more; kept for this tab, so that it can be reloaded. */
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem("token");
}

function draw() {
  wanted = false;
  if (!state) return;
  const run = state.run;
  say($("kind"), KINDS[state.kind] ?? "");
  say($("name"), state.name || run?.scenario || "console");
  title();
  say($("status"), STATUS[state.status] ?? state.status);
  mark($("status"), "data-status", state.status);
  drawBanner();
  drawDay(state, act);
  drawTiles(state);
  const on = ["running", "paused", "stopping", "over"].includes(state.status);
  show($("idle"), !run || !on);
  say($("idle"), !run || !on ? `${IDLE[state.status] ?? "No run is on."}${run && state.status === "waiting" ? " Below is the run before." : ""}` : "");
  show($("board"), Boolean(run));
  show($("log-panel"), true);
  drawClock(run);
  if (run) {
    drawControls(state);
    drawFindings(state);
    for (const chart of charts) chart.draw(state, hovered);
  }
  drawLog(state);
  show($("note"), wire !== "over"); // nobody is there any more to write it down
  const stopped = Boolean(state.stop) || ["over", "stopping"].includes(state.status);
  $("stop").disabled = stopped || ["over", "refused"].includes(wire);
  if (stopped) say($("stop").querySelector("span"), state.stop ? "Stopped" : "Over");
}

function drawClock(run) {
  const figures = run?.figures;
  show($("clock"), Boolean(figures) && ["running", "paused", "stopping"].includes(state.status));
  if (!figures) return;
  say($("phase"), figures.phase || "–");
  say($("left"), !figures.phase ? "" : known(figures.phase_left) ? `${left(figures.phase_left)} left` : "held");
  $("gone").style.width = `${Math.min(100, (100 * figures.t) / Math.max(0.001, run.duration || figures.t))}%`;
  say($("total"), `${clock(figures.t)}${run.duration ? ` of ${clock(run.duration)}` : ""}`);
}

/** What stopped it, with who did; a condition of the plan is nobody's doing. */
function stopper(word, stop) {
  return stop.who === "chaosllm" ? word : `${word} by ${stop.who}`;
}

function drawBanner() {
  const stop = state.stop;
  const over = state.status === "over";
  const verdict = state.over?.verdict;
  const home = state.day?.folder ? `; the post-mortem is in ${state.day.folder}` : "";
  const cut = wire === "lost" && silent !== null && Date.now() - silent > PATIENCE && !over;
  show($("banner"), Boolean(stop) || over || cut);
  mark(document.body, "data-old", cut);
  if (cut) {
    mark($("banner"), "class", "banner bad");
    return say($("banner"), `! Nobody has answered since ${time(silent / 1000)}: what is shown is old. The run may be over, or its machine out of reach; ${ELSE}.`);
  }
  mark($("banner"), "class", `banner ${stop ? "bad" : (LOOKS[verdict] ?? "calm")}`);
  if (stop) say($("banner"), `■ ${stopper("Stopped", stop)}: ${stop.text}. Traffic passes clean${over ? `; what ran is judged and reported${home}` : ""}.`);
  else if (over) {
    const came = verdict ? `${SIGNS[verdict] ?? "●"} ${verdict.toUpperCase()}. ` : "● ";
    say($("banner"), `${came}${state.day ? `The day is over${home || "; the post-mortem is in its folder"}.` : `The run is over${state.run?.folder ? `; the report is in ${state.run.folder}` : ""}.`}`);
  }
}

/** The name of the tab tells even when the page is not looked at. */
function title() {
  const told = `${STATUS[state.status]?.slice(0, 1) ?? ""} ${state.name || "console"} · chaosllm`;
  if (document.title !== told) document.title = told;
}

function redraw() {
  if (document.hidden && state) title();
  if (wanted) return;
  wanted = true;
  // Hidden pages get no frames, so they are drawn when they are looked at again.
  requestAnimationFrame(draw);
}

function announce(event) {
  if (event.type === "finding") say($("news"), `${event.severity} finding: ${event.title}`);
  else if (event.type === "approval") say($("news"), `step ${event.step} waits for approval`);
  else if (event.type === "phase") say($("news"), `phase ${event.phase}`);
  else if (event.type === "stop") say($("alert"), `${stopper("stopped", event)}: ${event.text}`);
}

function link({ status, wait, heard }) {
  wire = status;
  silent = status === "lost" ? heard : null;
  const words = { live: "live", lost: `reconnecting ${wait >= 1000 ? `in ${Math.round(wait / 1000)} s ` : ""}...`, refused: "no access", over: "the run is over" };
  say($("link"), `${status === "live" ? "●" : "○"} ${words[status] ?? status}`);
  mark(document.body, "data-link", status);
  if (status === "refused") noAccess("The token of this page is not that of the run: another one may have begun.");
  redraw();
}

function noAccess(why) {
  show($("banner"), true);
  mark($("banner"), "class", "banner bad");
  say($("banner"), `${why} Open the address that the terminal printed, with its #token=...`);
  say($("link"), "○ no access");
  say($("status"), "no access");
}

function refuse(what, hint) {
  say($("refusal-what"), what);
  say($("refusal-hint"), hint ?? "");
  show($("refusal"), true);
  clearTimeout(refuse.timer);
  refuse.timer = setTimeout(() => show($("refusal"), false), 12000);
}

let wired = null;

/** Sends a command; true when it was done. What changed comes back as an event, which draws it. */
async function act(command) {
  const slow = setTimeout(() => refuse(`no answer to ${command.do} yet; it is sent again`, ELSE), PROMPT);
  const answer = await wired.send(command);
  clearTimeout(slow);
  if (!answer.ok) refuse(answer.what, answer.hint);
  else show($("refusal"), false);
  return answer.ok;
}

function name() {
  const known = localStorage.getItem("who");
  wired.who = known ?? "";
  show($("who"), known === null);
  show($("me"), known !== null);
  say($("me"), known ? `as ${known}` : "say your name");
  mark($("me"), "aria-label", known ? `You are ${known}; change your name` : "Say your name");
}

function wireForms() {
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    localStorage.setItem("who", $("who-name").value.trim());
    name();
  });
  $("who-not").addEventListener("click", () => {
    localStorage.setItem("who", "");
    name();
  });
  $("me").addEventListener("click", () => {
    $("who-name").value = localStorage.getItem("who") ?? "";
    show($("who"), true);
    $("who-name").focus();
  });
  $("note").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("note-text").value.trim();
    if (text) busy($("note").querySelector("button"), async () => {
      if (await act({ do: "note", text })) $("note-text").value = "";
    });
  });
  $("refusal-close").addEventListener("click", () => show($("refusal"), false));
}

function hover(t) {
  hovered = t;
  if (state?.run) for (const chart of charts) chart.point(state, t);
}

function begin() {
  const secret = token();
  if (!secret) return noAccess("This page needs the token of the run.");
  wired = new Link(secret, (kind, told) => {
    if (kind === "link") return link(told);
    if (kind === "state") state = told;
    else {
      fold(state, told);
      announce(told);
    }
    redraw();
  });
  $("charts").append(...charts.map((chart) => chart.element));
  for (const chart of charts) chart.listen(hover);
  wireForms();
  wireControls(act, () => state);
  name();
  new ResizeObserver(redraw).observe($("charts"));
  setInterval(() => state && drawDayClock(state), 1000);
  wired.follow();
  globalThis.chaosllm = { state: () => state }; // for people who look into the page, and for its test
}

begin();
