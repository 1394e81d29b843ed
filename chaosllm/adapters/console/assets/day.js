// The steps of a game day: what each expects, what came of it, and the buttons that let it begin or leave it out.

import { $, busy, h, keyed, say, show, mark, twice } from "./dom.js";
import { clock } from "./words.js";

const SIGNS = { waiting: "○", approval: "?", running: "▶", done: "●", skipped: "–", failed: "!", stopped: "■" };
const SAID = {
  waiting: "waiting", approval: "waits for approval", running: "running", done: "done", skipped: "skipped",
  failed: "could not run", stopped: "stopped",
};

function outcome(step) {
  if (step.error) return { look: "bad", text: "" };
  if (step.as_expected === true) return { look: "good", text: `✓ as expected${step.verdict ? ` (${step.verdict.toUpperCase()})` : ""}` };
  if (step.as_expected === false) return { look: "bad", text: `✗ not as expected${step.verdict ? ` (${step.verdict.toUpperCase()})` : ""}` };
  if (step.verdict === "inconclusive") return { look: "unsure", text: "? undecided (INCONCLUSIVE)" };
  return { look: "", text: step.verdict ? `verdict ${step.verdict.toUpperCase()}` : "" };
}

function make(first, act, over) {
  const number = first.number;
  const sign = h("span", { class: "sign", "aria-hidden": "true" });
  const status = h("span", { class: "state" });
  const name = h("h3");
  const what = h("p", { class: "dim small" });
  const why = h("p", { class: "small why" });
  const expect = h("span");
  const expected = h("p", { class: "small expected" }, h("b", {}, "Expect: "), expect);
  const came = h("p", { class: "small came" });
  const differences = h("ul", { class: "small differences" });
  const error = h("p", { class: "small bad" });
  const approve = h("button", { type: "button", class: "primary", onclick: () => busy(approve, () => act({ do: "approve", step: number })) });
  const skip = h("button", { type: "button", class: "quiet" });
  let runs = false;
  const says = () => ({ label: runs ? "End this step" : "Skip", whole: `${runs ? "End" : "Skip"} step ${number}: ${first.name}` });
  const again = () => `Press again to ${runs ? "end" : "skip"} step ${number}`;
  const left = twice(skip, says, again, () => act({ do: "skip", step: number }));
  const file = h("p", { class: "dim small" });
  const buttons = h("div", { class: "buttons" }, approve, skip);
  const element = h("li", { class: "step" }, h("p", { class: "head" }, sign, h("span", { class: "number" }, `${number}`), status),
    name, what, why, expected, came, differences, error, buttons, file);
  const update = (step) => {
    const begun = step.status !== "stopped" || Boolean(step.folder);
    const early = step.status === "skipped" && Boolean(step.folder); // it ran, and was ended by a skip
    mark(element, "data-status", early ? "done" : step.status);
    if (step.status === "running" || step.status === "approval") mark(element, "aria-current", "step");
    else element.removeAttribute("aria-current");
    say(sign, SIGNS[step.status] ?? "○");
    say(status, early ? "ended early" : begun ? (SAID[step.status] ?? step.status) : "not begun");
    say(name, step.name);
    say(what, step.what);
    say(why, step.hypothesis ?? "");
    // Of a single fault the hypothesis is what is expected.
    show(why, Boolean(step.hypothesis) && step.status !== "done" && !(step.expect ?? "").startsWith(step.hypothesis.replace(/\.$/, "")));
    say(expect, step.expect ?? "");
    show(expected, Boolean(step.expect));
    const { look, text } = outcome(step);
    say(came, text);
    show(came, Boolean(text));
    came.className = `small came ${look}`;
    const told = step.differences?.length ? step.differences : (step.reasons ?? []);
    keyed(differences, told.map((one, at) => ({ one, at })), (item) => `${item.at} ${item.one}`, (item) => ({ element: h("li", {}, item.one) }));
    show(differences, told.length > 0);
    say(error, step.error ? `${step.error.what}${step.error.hint ? `; ${step.error.hint}` : ""}` : "");
    show(error, Boolean(step.error));
    const waits = step.status === "approval";
    show(approve, waits);
    say(approve, `Approve step ${number}`);
    mark(approve, "aria-label", `Approve step ${number}: ${step.name}`);
    const now = step.status === "running";
    show(skip, !over() && (now ? !drawDay.judging : ["approval", "waiting"].includes(step.status)));
    if (now !== runs) left.calm(); // who meant to skip it did not mean to end it
    runs = now;
    left.draw();
    show(buttons, !skip.hidden || !approve.hidden);
    const by = step.approval?.by ? `${step.approval.by} approves` : "";
    const beside = step.approval?.file ? `or the file ${step.approval.file}` : "";
    say(file, waits ? [by, beside].filter(Boolean).join(", ") : "");
    show(file, Boolean(file.textContent));
  };
  return { element, update };
}

export function drawDay(state, act) {
  const day = state.day;
  show($("day"), Boolean(day));
  if (!day) return;
  say($("day-title"), day.title && day.title !== state.name ? day.title : "Steps of the day");
  drawDay.over = Boolean(state.stop) || state.status === "over";
  drawDay.judging = state.status === "judging"; // the step that runs has ended already
  drawDayClock(state);
  keyed($("steps"), day.steps, (step) => step.number, (step) => make(step, act, () => drawDay.over));
}

/** The time box and who does what; the clock goes on between events. */
export function drawDayClock(state) {
  const day = state.day;
  if (!day) return;
  const roles = (day.roles ?? []).map((one) => `${one.role} ${one.name}`);
  const done = day.steps.filter((step) => !["waiting", "approval", "running"].includes(step.status) && (step.status !== "stopped" || step.folder)).length;
  const gone = day.began ? Date.now() / 1000 - day.began : 0;
  const box = day.time_box && state.status !== "over" ? `${clock(Math.max(0, day.time_box - gone))} left of ${clock(day.time_box)}` : "";
  say($("day-about"), [`${done} of ${day.steps.length} steps over`, box, ...roles].filter(Boolean).join(" · "));
}
