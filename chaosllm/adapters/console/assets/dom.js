// Making and updating elements; foreign text only ever becomes text nodes.

export const $ = (id) => document.getElementById(id);

/** An element. Properties that begin with "on" are listeners, `class` and others are attributes. */
export function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** An element of SVG with attributes. */
export function s(tag, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

/** Writes only what changed, so that screen readers and selections are left in peace. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

export function mark(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Keeps the children of a list in step with items: `make(item)` gives `{element, update(item)}`, once for each key. */
export function keyed(parent, items, key, make) {
  const parts = (parent.parts ??= new Map());
  const wanted = new Set(items.map(key));
  for (const [name, part] of parts) {
    if (!wanted.has(name)) {
      part.element.remove();
      parts.delete(name);
    }
  }
  let before = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let part = parts.get(name);
    if (!part) parts.set(name, (part = make(item)));
    part.update?.(item);
    if (part.element === before) before = before.nextElementSibling;
    else parent.insertBefore(part.element, before);
  }
}

/** Milliseconds in which a second press must come. */
export const SECOND = 5000;

/**
 * A button that acts at its second press within five seconds, for what cannot be taken back.
 * `says()` gives its label, and its whole name for those who hear it; `again()` what it says between the two.
 * The presses of one double click count once, because a button may come to stand where another one was pressed.
 */
export function twice(button, says, again, action) {
  let armed = 0;
  const draw = () => {
    const { label, whole } = armed ? { label: again(), whole: again() } : says();
    say(button, label);
    mark(button, "aria-label", whole);
  };
  const calm = () => {
    clearTimeout(armed);
    armed = 0;
    button.removeAttribute("data-armed");
    draw();
  };
  button.addEventListener("click", (event) => {
    if (event.detail > 1) return;
    if (armed) {
      calm();
      return void busy(button, action);
    }
    mark(button, "data-armed", "true");
    armed = setTimeout(calm, SECOND);
    draw();
  });
  return { calm, draw };
}

/** Runs an action of a button and keeps it from being pressed twice meanwhile. */
export async function busy(button, action) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await action();
  } finally {
    button.removeAttribute("aria-busy");
  }
}
