// Curves over the whole run, with its phases, bands and marks behind them; drawn as SVG, once a second.

import { h, s, say, show } from "./dom.js";
import { clock, command, known } from "./words.js";

const LEFT = 46, RIGHT = 10, BOTTOM = 20;

function nice(most) {
  if (!(most > 0)) return { top: 1, step: 0.5 };
  const power = 10 ** Math.floor(Math.log10(most / 3));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => most / one <= 4.6);
  return { top: Math.ceil((most * 1.04) / step) * step, step };
}

/** The mean (or most) of each pixel column, so that a long run draws as fast as a short one. */
function columns(series, key, x, most) {
  const points = [];
  let at = null;
  for (const row of series) {
    const value = row[key];
    if (!known(value)) {
      points.push(null);
      at = null;
      continue;
    }
    const column = Math.round(x(row.t));
    if (at !== null && at.column === column) {
      at.value = most ? Math.max(at.value, value) : (at.value * at.of + value) / (at.of + 1);
      at.of += 1;
    } else {
      at = { column, value, of: 1 };
      points.push(at);
    }
  }
  return points;
}

function path(points, y) {
  let d = "", pen = "M";
  for (const point of points) {
    if (point === null) pen = "M";
    else {
      d += `${pen}${point.column} ${y(point.value).toFixed(1)}`;
      pen = "L";
    }
  }
  return d;
}

export class Chart {
  /** `lines`: {key, name, look, most?, fill?}; `base(state)` gives the height of a dashed line; `first` has the phases' names; one that is `late` waits for its first value. */
  constructor({ title, unit, height, lines, format, base, first = false, late = false }) {
    Object.assign(this, { title, unit, height, lines, format, base, first, late });
    this.top = first ? 26 : 8;
    this.values = new Map();
    const legend = h("ul", { class: "legend" });
    for (const line of [...lines, ...(base ? [{ name: "baseline", look: "base" }] : [])]) {
      const value = h("b", {}, "–");
      this.values.set(line.name, value);
      const swatch = s("svg", { viewBox: "0 0 18 8", class: `swatch ${line.look}`, "aria-hidden": "true" });
      swatch.append(s("path", { d: "M0 4H18" }));
      legend.append(h("li", {}, swatch, `${line.name} `, value));
    }
    this.when = h("span", { class: "dim when" });
    this.svg = s("svg", { role: "img", height, class: "chart" });
    this.svg.setAttribute("aria-label", title);
    this.element = h("section", { class: "panel", "aria-label": title },
      h("div", { class: "row" }, h("h2", {}, title, h("span", { class: "dim unit" }, ` ${unit}`)), this.when), this.svg, legend);
    this.cursor = s("line", { class: "cursor", y1: this.top, y2: height - BOTTOM, visibility: "hidden" });
  }

  x(t) {
    return LEFT + ((this.width - LEFT - RIGHT) * t) / this.span;
  }

  y(value) {
    return this.height - BOTTOM - ((this.height - BOTTOM - this.top) * value) / this.most;
  }

  draw(state, at) {
    const run = state.run;
    const series = run.series;
    // A proxy that drives no load knows nothing of users; a curve that will never come is not shown.
    show(this.element, (series.length < 3 && !this.late) || series.some((row) => this.lines.some(({ key }) => known(row[key]))));
    if (this.element.hidden) return;
    this.width = Math.max(200, Math.floor(this.svg.getBoundingClientRect().width || 600));
    const last = series.at(-1)?.t ?? 0;
    this.span = Math.max(run.duration || 0, last, 1);
    const base = this.base?.(state);
    const x = (t) => this.x(t);
    const y = (value) => this.y(value);
    let most = known(base) ? base : 0;
    for (const row of series) for (const { key } of this.lines) if (known(row[key]) && row[key] > most) most = row[key];
    const { top, step } = nice(most);
    this.most = top;
    const parts = [];
    this.behind(parts, state, x);
    for (let value = 0; value <= top + step / 100; value += step) {
      parts.push(s("line", { class: "grid", x1: LEFT, x2: this.width - RIGHT, y1: y(value), y2: y(value) }));
      parts.push(s("text", { class: "tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, this.format(value)));
    }
    this.times(parts, x);
    for (const line of this.lines) {
      const points = columns(series, line.key, x, line.most);
      const d = path(points, y);
      if (line.fill && !points.includes(null) && points.length > 1) {
        const floor = y(0);
        parts.push(s("path", { class: `area ${line.look}`, d: `${d}L${points.at(-1).column} ${floor}L${points[0].column} ${floor}Z` }));
      }
      if (d) parts.push(s("path", { class: `curve ${line.look}`, d }));
    }
    if (known(base)) parts.push(s("path", { class: "curve base", d: `M${LEFT} ${y(base)}H${this.width - RIGHT}` }));
    this.before(parts, state, x);
    parts.push(this.cursor);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.replaceChildren(...parts);
    this.point(state, at);
  }

  /** Phases with their names, and stretches in which something else held: paused, switched. */
  behind(parts, state, x) {
    const floor = this.height - BOTTOM;
    for (const phase of state.run.phases) {
      const [begin, end] = [x(phase.start), x(Math.min(phase.end ?? Infinity, this.span))];
      const width = Math.max(0, end - begin);
      const role = ["fault", "baseline", "warmup", "recovery"].includes(phase.role) ? phase.role : "other";
      parts.push(s("rect", { class: `phase ${role}`, x: begin, y: this.top, width, height: floor - this.top }));
      if (!this.first) continue;
      parts.push(s("rect", { class: `tab ${role}`, x: begin + 0.5, y: 2, width: Math.max(0, width - 1), height: 19, rx: 3 }));
      const name = role === "fault" ? `⚡ ${phase.name}` : phase.name;
      const room = Math.floor((width - 10) / 7);
      if (room > 2) {
        parts.push(s("text", { class: `tab-name ${role}`, x: begin + 6, y: 15.5 }, name.length > room ? `${name.slice(0, room - 1)}…` : name));
      }
    }
    let row = 0;
    for (const band of state.run.bands ?? []) {
      const now = state.run.series.at(-1)?.t ?? band.start;
      const [begin, end] = [x(band.start), x(band.end ?? Math.max(now, band.start))];
      const width = Math.max(1, end - begin);
      const whole = band.rule === null;
      const shape = whole
        ? s("rect", { class: "band whole", x: begin, y: this.top, width, height: floor - this.top })
        : s("rect", { class: "band", x: begin, y: floor - 5 - 6 * (row++ % 4), width, height: 4, rx: 2 });
      shape.append(s("title", {}, `${band.rule ? `${band.rule}: ` : ""}${band.text}`));
      parts.push(shape);
      if (whole && this.first && width > 50) parts.push(s("text", { class: "band-name", x: begin + 4, y: this.top + 13 }, band.text));
    }
  }

  times(parts, x) {
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
    const step = steps.find((one) => this.span / one <= this.width / 80) ?? 7200;
    for (let t = 0; t <= this.span; t += step) {
      const anchor = t === 0 ? "start" : x(t) > this.width - 24 ? "end" : "middle";
      parts.push(s("text", { class: "tick", x: x(t), y: this.height - 5, "text-anchor": anchor }, clock(t)));
    }
  }

  /** Marks of commands and findings, at most one in a few pixels. */
  before(parts, state, x) {
    const floor = this.height - BOTTOM;
    let taken = -9;
    for (const one of state.commands) {
      if (!known(one.t) || !one.ok || ["note", "approve", "skip"].includes(one.do) || (state.run.began && one.at < state.run.began)) continue;
      const at = x(one.t);
      if (at - taken < 3 || at > this.width) continue;
      taken = at;
      const made = s("g", { class: "mark" });
      made.append(s("line", { x1: at, x2: at, y1: this.top, y2: floor }));
      if (this.first) made.append(s("path", { d: `M${at - 5} ${this.top - 4}h10l-5 7z` }));
      made.append(s("title", {}, `${clock(one.t)} ${one.who}: ${command(one)}`));
      parts.push(made);
    }
    if (!this.first) return;
    for (const one of state.findings) {
      if (!known(one.seen_at) || (state.run.began && one.at < state.run.began)) continue;
      const made = s("path", { class: `gem ${one.severity === "minor" ? "minor" : "major"}`, d: `M${x(one.seen_at)} ${floor - 7}l6 7l-6 7l-6-7z` });
      made.append(s("title", {}, `${clock(one.seen_at)} ${one.severity}: ${one.title}`));
      parts.push(made);
    }
  }

  /** Values in the legend: those of the row at the pointer, else the newest. */
  point(state, at) {
    const series = state.run.series;
    const row = at === null ? series.at(-1) : series.reduce((near, one) => (near === null || Math.abs(one.t - at) < Math.abs(near.t - at) ? one : near), null);
    if (!row || !this.span) return;
    for (const line of this.lines) say(this.values.get(line.name), this.format(row[line.key], true));
    const base = this.base?.(state);
    if (this.base) say(this.values.get("baseline"), this.format(base, true));
    say(this.when, at === null ? "" : `at ${clock(row.t)}`);
    this.cursor.setAttribute("visibility", at === null ? "hidden" : "visible");
    this.cursor.setAttribute("x1", this.x(row.t));
    this.cursor.setAttribute("x2", this.x(row.t));
    this.svg.setAttribute("aria-label", `${this.title}: ${this.lines.map((line) => `${line.name} ${this.format(row[line.key], true)}`).join(", ")}`);
  }

  /** Calls `moved(t)` as the pointer goes over the curves, and `moved(null)` when it leaves. */
  listen(moved) {
    const over = (event) => {
      const box = this.svg.getBoundingClientRect();
      const t = ((event.clientX - box.left - LEFT) / (this.width - LEFT - RIGHT)) * this.span;
      moved(Math.max(0, t));
    };
    this.svg.addEventListener("pointermove", over);
    this.svg.addEventListener("pointerleave", () => moved(null));
  }
}
