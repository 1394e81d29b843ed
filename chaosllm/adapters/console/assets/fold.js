// The state is the fold of the events; the same as `fold` of adapters/console/hub.py, which a test holds beside this.

export const KEPT = {
  "run.series": 7200,
  "said": 200,
  "commands": 2000,
  "notes": 2000,
  "findings": 2000,
};

function place(found, key, path) {
  if (Array.isArray(found) && /^\d+$/.test(key) && Number(key) < found.length) return Number(key);
  if (found !== null && typeof found === "object" && !Array.isArray(found) && key !== "__proto__") return key;
  throw new Error(`the state has no ${path}`);
}

function holder(state, path) {
  const keys = path.split(".");
  const last = keys.pop();
  let found = state;
  for (const key of keys) {
    found = found[place(found, key, path)];
    if (found === undefined) throw new Error(`the state has no ${path}`);
  }
  return [found, place(found, last, path)];
}

/** Apply an event to the state in place; throws when the state is not the one before the event. */
export function fold(state, event) {
  if (event.seq !== state.seq + 1) throw new Error(`event ${event.seq} does not follow ${state.seq}`);
  for (const [path, value] of Object.entries(event.set ?? {})) {
    const [found, key] = holder(state, path);
    found[key] = structuredClone(value);
  }
  for (const [path, item] of Object.entries(event.add ?? {})) {
    const [found, key] = holder(state, path);
    if (!Array.isArray(found[key])) throw new Error(`the state has no list ${path}`);
    found[key].push(structuredClone(item));
    const most = KEPT[path];
    if (most !== undefined && found[key].length > most) found[key].shift();
  }
  state.seq = event.seq;
}
