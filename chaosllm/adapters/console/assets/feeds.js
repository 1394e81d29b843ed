// Figures of now, findings as they appear, and the log of all that was said and done.

import { $, h, keyed, mark, s, say, show } from "./dom.js";
import { clock, command, count, known, money, number, seconds, share, time } from "./words.js";

const SHOWN = 150; // lines of the log; all are in log.jsonl
const SIGNS = { critical: "▲▲", major: "▲", minor: "△", info: "i" }; // the gravest first
const GRAVEST = Object.keys(SIGNS);

const TILES = [
  { name: "Goodput", key: "goodput", value: (f) => `${number(f.goodput)}/s`, about: (f) => (known(f.baseline) && f.baseline > 0 ? `${Math.round((100 * (f.goodput ?? 0)) / f.baseline)}% of baseline ${number(f.baseline)}/s` : "no baseline yet"), look: (f) => (known(f.baseline) && known(f.goodput) && f.baseline > 0 ? (f.goodput < f.baseline * 0.5 ? "bad" : f.goodput < f.baseline * 0.8 ? "warn" : "good") : "") },
  { name: "p95 latency", key: "p95", value: (f) => seconds(f.p95), about: (f) => `p50 ${seconds(f.p50)}` },
  { name: "Calls an operation", key: "attempts", value: (f) => number(f.attempts, 2), about: (f) => (known(f.baseline_attempts) ? `${number(f.baseline_attempts, 2)} in the baseline` : "no baseline yet"), look: (f) => (known(f.attempts) && known(f.baseline_attempts) && f.attempts > 1.5 * f.baseline_attempts ? "warn" : "") },
  { name: "Injected", key: "injected", value: (f) => count(f.fired), about: (f) => `of ${count(f.planned)} planned` },
  { name: "In flight", key: "in_flight", value: (f) => count(f.in_flight), about: (f) => (known(f.call_rate) ? `${number(f.call_rate, 1)} calls a second` : `${number(f.offered)}/s offered`) },
  { name: "Spend", value: (f) => money(f.spend?.usd), about: (f) => (f.spend?.simulated ? "simulated: nobody pays" : f.spend?.estimated ? "some prices are not known" : "at list prices") },
];

function tile(one) {
  const value = h("dd", { class: "figure" });
  const about = h("dd", { class: "small dim" });
  const line = s("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" });
  const curve = s("path");
  line.append(curve);
  const element = h("dl", { class: "tile" }, h("dt", {}, one.name), value, about);
  if (one.key) element.append(line);
  const update = ({ figures, series }) => {
    say(value, one.value(figures));
    say(about, one.about(figures));
    mark(element, "data-look", one.look?.(figures) ?? "");
    if (one.key) curve.setAttribute("d", spark(series, one.key));
  };
  return { element, update };
}

/** The last minute as a small curve. */
function spark(series, key) {
  const rows = series.slice(-60).map((row) => row[key]).map((value, at) => [at, value]).filter(([, value]) => known(value));
  if (rows.length < 2) return "";
  const values = rows.map(([, value]) => value);
  const [low, high] = [Math.min(...values, 0), Math.max(...values)];
  const y = (value) => 22 - (20 * (value - low)) / Math.max(1e-9, high - low);
  return `M${rows.map(([at, value]) => `${((at / 59) * 100).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}`;
}

export function drawTiles(state) {
  const figures = state.run?.figures;
  show($("tiles"), Boolean(figures));
  if (!figures) return;
  const told = TILES.filter((one) => state.kind !== "proxy" || !one.key || known(figures[one.key]));
  const items = told.map((one) => ({ one, figures, series: state.run.series }));
  keyed($("tiles"), items, (item) => item.one.name, (item) => tile(item.one));
}

function finding() {
  const severity = h("span", { class: "severity" });
  const title = h("b");
  const about = h("p", { class: "small dim" });
  const advice = h("p", { class: "small" });
  const element = h("li", { class: "finding" }, h("p", { class: "row" }, title, severity), about, advice);
  const update = ({ one }) => {
    mark(element, "data-severity", one.severity);
    say(severity, `${SIGNS[one.severity] ?? "i"} ${one.severity}`);
    say(title, one.title || one.code);
    say(about, [one.code, one.count > 0 && `${count(one.count)}×`, one.phase && `in ${one.phase}`, known(one.seen_at) ? `first seen at ${clock(one.seen_at)}` : one.provisional === false && "seen when the step was judged"].filter(Boolean).join(" · "));
    say(advice, one.advice ?? "");
  };
  return { element, update };
}

export function drawFindings(state) {
  const found = state.findings.map((one, at) => ({ one, key: `${at} ${one.code}` })).reverse(); // the newest first, among equals
  found.sort((a, b) => GRAVEST.indexOf(a.one.severity) - GRAVEST.indexOf(b.one.severity));
  keyed($("findings"), found, (item) => item.key, finding);
  // Of a day's run that is over the findings are those of its report; a run on its own tells of none here.
  const judged = state.kind === "gameday" && ["waiting", "over"].includes(state.status);
  say($("findings-title"), judged ? "Findings" : "Findings so far");
  say($("findings-none"), judged ? "None: the records of the run show none." : "None yet. What is found while the run goes on is provisional; the verdict comes from the records.");
  show($("findings-none"), found.length === 0);
}

function line(event) {
  const text = event.type === "command" ? command(event) : event.text;
  const kind = event.type === "command" ? (event.ok ? "command" : "refused") : event.type;
  const signs = { command: "›", refused: "✗", note: "✎", warning: "!", say: "·" };
  const made = h("li", { "data-kind": kind }, h("time", { class: "dim" }, time(event.at)), h("span", { class: "at dim" }, known(event.t) ? `+${clock(event.t)}` : ""),
    h("span", { class: "mark", "aria-hidden": "true" }, signs[kind] ?? "·"), h("span", { class: "text" }, ...(event.who && event.who !== "chaosllm" ? [h("b", {}, event.who), " "] : []), text ?? ""));
  return { element: made };
}

export function drawLog(state) {
  // A note is told once, as the note it became.
  const commands = state.commands.filter((one) => !(one.do === "note" && one.ok)).slice(-SHOWN);
  const all = [...commands, ...state.notes.slice(-SHOWN), ...state.said.slice(-SHOWN)];
  all.sort((one, other) => other.seq - one.seq);
  keyed($("log"), all.slice(0, SHOWN), (event) => event.seq, line);
}
