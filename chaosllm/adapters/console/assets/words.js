// Numbers and events in words, as the terminal says them.

export const known = (value) => typeof value === "number" && Number.isFinite(value);

export function seconds(value) {
  if (!known(value)) return "–";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} s`;
  return clock(value);
}

/** 75 -> "1:15" */
export function clock(value) {
  const whole = Math.max(0, Math.round(value));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function left(value) {
  return value < 60 ? `${Math.max(0, Math.round(value))}s` : clock(value);
}

export function number(value, digits = 1) {
  if (!known(value)) return "–";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(digits);
}

export function count(value) {
  return known(value) ? Math.round(value).toLocaleString("en") : "–";
}

export function share(value) {
  if (!known(value)) return "–";
  const percent = value * 100;
  return `${Number.isInteger(Math.round(percent * 10) / 10) ? Math.round(percent) : percent.toFixed(1)}%`;
}

export function money(value) {
  if (!known(value)) return "–";
  return `$${value < 1 ? value.toFixed(4) : value.toFixed(2)}`;
}

/** How far a condition is from coming true: of shares in points, as the terminal says it. */
export function distance(text, away) {
  return /%/.test(String(text).replace(/^.*[<>=]/, "")) ? `${Math.round(away * 1000) / 10} points` : inUnitOf(text, away);
}

/** A value in the unit that the bound of a condition is written in. */
export function inUnitOf(text, value) {
  if (!known(value)) return "–";
  const bound = String(text).replace(/^.*[<>=]/, "");
  if (/%/.test(bound)) return share(value);
  if (/USD|\$/.test(bound)) return money(value);
  if (/\d\s*(ms|s|m|h)\s*$/.test(bound)) return seconds(value);
  return Number.isInteger(value) ? count(value) : number(value, 2);
}

export function time(at) {
  return new Date(at * 1000).toLocaleTimeString("en-GB");
}

const SAID = {
  pause: () => "paused all faults",
  resume: () => "resumed faults",
  enable: (args) => `switched ${args.rule} on`,
  disable: (args) => `switched ${args.rule} off`,
  share: (args) => `set the share of ${args.rule} to ${typeof args.share === "number" ? share(args.share) : args.share}`,
  trigger: (args) => `triggered ${args.rule} ${args.count > 1 ? `for ${args.count} calls` : "once"}`,
  extend: (args) => `extended ${args.phase || "the phase"} by ${args.by}`,
  end: (args) => `ended ${args.phase || "the phase"}`,
  note: (args) => `noted: ${args.text}`,
  stop: (args) => `stopped everything${args.text ? `: ${args.text}` : ""}`,
  approve: (args) => `approved ${args.step ? `step ${args.step}` : "the step"}`,
  skip: (args) => `skipped ${args.step ? `step ${args.step}` : "the step"}`,
};

/** What a command did, or why it was refused. */
export function command(event) {
  const args = event.args ?? {};
  const done = Object.hasOwn(SAID, event.do) ? SAID[event.do](args) : `${event.do} ${JSON.stringify(args)}`;
  if (event.ok) return done;
  const why = event.result?.what ?? "no reason given";
  return `refused (${done}): ${why}${event.result?.hint ? `; ${event.result.hint}` : ""}`;
}
