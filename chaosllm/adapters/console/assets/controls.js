// What changes the run: fault switches, shares, phases, pause, and the stop button.

import { $, SECOND, busy, h, keyed, mark, s, say, show } from "./dom.js";
import { count, distance, inUnitOf, known, left, seconds, share } from "./words.js";

/** Milliseconds for which one press of the stop button must be held. */
const HELD = 800;

function rule(first, act) {
  const name = first.name;
  const knob = h("span", { class: "knob", "aria-hidden": "true" });
  const word = h("span", { class: "word" });
  const toggle = h("button", { type: "button", role: "switch", class: "switch", "aria-label": `Fault ${name}` }, knob, word);
  toggle.addEventListener("click", () => busy(toggle, () => act({ do: toggle.getAttribute("aria-checked") === "true" ? "disable" : "enable", rule: name })));
  const fault = h("b");
  const where = h("span", { class: "dim" });
  const when = h("span", { class: "small when-it" });
  const counts = h("span", { class: "counts" });
  const input = h("input", { "aria-label": `Share of ${name}`, inputmode: "decimal", maxlength: "8", size: "5", autocomplete: "off" });
  const set = h("button", { type: "submit" , "aria-label": `Set the share of ${name}` }, "Set");
  const most = h("span", { class: "dim small" }, "at most");
  const of = h("span", { class: "dim small" });
  const form = h("form", { class: "share" }, most, input, of, set);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    busy(set, async () => {
      const done = await act({ do: "share", rule: name, share: /^[\d.]+$/.test(text) ? `${text}%` : text }); // the field speaks in percent
      if (done) input.dirty = false;
    });
  });
  input.addEventListener("input", () => (input.dirty = true));
  const once = h("button", { type: "button", "aria-label": `Trigger ${name} once` }, "Trigger once");
  once.addEventListener("click", () => busy(once, () => act({ do: "trigger", rule: name, count: 1 })));
  const more = h("div", { class: "more" }, form, once);
  const element = h("li", { class: "rule" }, h("div", { class: "line" }, toggle, h("div", { class: "about" }, h("span", {}, fault, " ", where), when, counts)), more);
  const update = ({ one, figures, now, over }) => {
    mark(toggle, "aria-checked", one.on);
    say(word, one.on ? "on" : "off");
    mark(element, "data-live", Boolean(now && one.on));
    say(fault, one.fault);
    say(where, `${one.name}${one.phase ? `, in ${one.phase}` : ""}${now && one.on ? ", now" : ""}`);
    say(counts, figures ? `${count(figures.fired)} of ${count(figures.planned)} planned${figures.in_flight ? `, ${count(figures.in_flight)} under way` : ""}${figures.capped ? `, ${count(figures.capped)} held back` : ""}` : "nothing yet");
    say(when, one.when ?? "");
    show(when, Boolean(one.when));
    say(of, one.when && !one.capped ? "of these" : "of calls");
    show(of, !one.capped);
    show(most, Boolean(one.capped));
    if (document.activeElement !== input && !input.dirty) {
      const shown = share(known(one.share) ? one.share : 1); // without a share a rule strikes all that its trigger chooses
      if (input.value !== shown) input.value = shown;
    }
    show(form, Boolean(one.can_share));
    show(once, Boolean(one.can_trigger));
    show(more, Boolean(one.can_share || one.can_trigger));
    for (const control of [toggle, set, once]) control.disabled = over;
  };
  return { element, update };
}

function phase() {
  const name = h("b");
  const times = h("span", { class: "dim" });
  const bar = h("i");
  const element = h("li", {}, h("div", { class: "row" }, name, times), h("div", { class: "track", "aria-hidden": "true" }, bar));
  const update = ({ one, t }) => {
    const end = one.end ?? Infinity; // a proxy holds its phase until it is stopped
    const gone = Math.min(1, Math.max(0, (t - one.start) / Math.max(0.001, end - one.start))) || 0;
    const on = t >= one.start && t < end;
    mark(element, "data-role", one.role);
    if (on) mark(element, "aria-current", "true");
    else element.removeAttribute("aria-current");
    say(name, `${one.role === "fault" ? "⚡ " : ""}${one.name}`);
    const whole = known(one.end) ? left(end - one.start) : "held";
    say(times, on && known(one.end) ? `${left(end - t)} left of ${whole}` : t >= end && known(one.end) ? `over, ${whole}` : whole);
    bar.style.width = `${gone * 100}%`;
  };
  return { element, update };
}

function condition() {
  const text = h("b");
  const value = h("span", { class: "value" });
  const bar = h("i");
  const element = h("li", {}, h("div", { class: "row" }, text, value), h("div", { class: "track", "aria-hidden": "true" }, bar));
  const update = (one) => {
    const near = closeness(one);
    say(text, one.text);
    if (one.kind === "dead_man" && known(one.value)) say(value, one.holds ? `not heard for ${seconds(one.value)}` : `heard ${one.value < 1 ? "just now" : `${Math.round(one.value)} s ago`}`);
    else say(value, one.holds ? `holds: ${inUnitOf(one.text, one.value)}` : known(one.value) ? `${inUnitOf(one.text, one.value)} now${known(one.away) ? `, ${distance(one.text, one.away)} away` : ""}` : "too little to tell");
    bar.style.width = `${near * 100}%`;
    mark(element, "data-near", one.holds ? "holds" : near > 0.75 ? "near" : "far");
  };
  return { element, update };
}

/** 0 far from, 1 at the bound of a stop condition, whichever side of it stops. */
function closeness({ value, bound, holds }) {
  if (holds) return 1;
  if (!known(value) || !known(bound)) return 0;
  const near = value > bound ? bound / value : value / bound;
  return Number.isFinite(near) ? Math.min(1, Math.max(0, near)) : 0;
}

export function drawControls(state) {
  const run = state.run;
  const figures = run.figures ?? {};
  const over = !["running", "paused"].includes(state.status); // what is shown then is the run before
  const t = over && known(figures.t) && figures.t > run.duration - 2 ? Infinity : (figures.t ?? 0);
  const counted = new Map((figures.rules ?? []).map((one) => [one.rule, one]));
  show($("rules-none"), run.rules.length === 0);
  show($("pause"), run.rules.length > 0);
  keyed($("rules"), run.rules.map((one) => ({ one, figures: counted.get(one.name), now: one.phase === figures.phase && !run.paused, over })), (item) => item.one.name, (item) => rule(item.one, drawControls.act));
  say($("pause"), run.paused ? "Resume all" : "Pause all");
  mark($("pause"), "data-paused", Boolean(run.paused));
  keyed($("phases"), run.phases.map((one) => ({ one, t })), (item) => item.one.name, phase);
  const held = run.phases.some((one) => !known(one.end));
  for (const id of ["pause", "extend", "end"]) $(id).disabled = over || (held && id !== "pause");
  const conditions = figures.stop_when ?? [];
  show($("stops-panel"), conditions.length > 0);
  keyed($("stops"), conditions, (one) => one.text, condition);
}

/** The buttons that are always there; `act(command)` sends one and is true when it was done. */
export function wireControls(act, state) {
  drawControls.act = act;
  $("pause").addEventListener("click", () => busy($("pause"), () => act({ do: state()?.run?.paused ? "resume" : "pause" })));
  $("extend").addEventListener("click", () => busy($("extend"), () => act({ do: "extend", by: "30s" })));
  $("end").addEventListener("click", () => busy($("end"), () => act({ do: "end" })));
  wireStop($("stop"), act);
}

/** Two presses within five seconds, or one that is held: quick for a hand that means it, and no accident. */
function wireStop(button, act) {
  const label = button.querySelector("span");
  const ring = s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
  ring.append(s("path", { d: "M5 1h6l4 4v6l-4 4H5l-4-4V5z" }));
  button.prepend(ring);
  let armed = 0, hold = 0, sent = false;
  const calm = () => {
    clearTimeout(armed);
    armed = 0;
    button.removeAttribute("data-armed");
    if (!sent) say(label, "Stop everything");
  };
  const stop = async () => {
    calm();
    sent = true;
    say(label, "Stopping ...");
    sent = await act({ do: "stop" });
    if (!sent) calm();
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || button.disabled || sent) return;
    mark(button, "data-held", "true");
    hold = setTimeout(stop, HELD);
  });
  for (const kind of ["pointerup", "pointerleave", "pointercancel"]) {
    button.addEventListener(kind, () => {
      clearTimeout(hold);
      button.removeAttribute("data-held");
    });
  }
  button.addEventListener("click", () => {
    if (sent) return;
    if (armed) return void stop();
    mark(button, "data-armed", "true");
    say(label, "Press again to stop");
    say($("alert"), "Press again within five seconds to stop everything");
    armed = setTimeout(calm, SECOND);
  });
}
