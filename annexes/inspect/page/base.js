// Addresses, requests, elements and formats. Text from a store only ever becomes text.

const KEY = "tidegate-token";

/** Takes the token out of the address that the program printed, and keeps it for this browser. */
export function takeToken() {
  const found = /^#([0-9a-f]{32})$/.exec(location.hash);
  if (found) {
    localStorage.setItem(KEY, found[1]);
    history.replaceState(null, "", "/#/");
  }
}

const token = () => localStorage.getItem(KEY) ?? "";

/** Returns the address of an answer; values of `undefined`, `null` and "" are left out. */
export function address(name, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") query.append(key, one);
    }
  }
  const text = query.toString();
  return `/api/${name}${text ? `?${text}` : ""}`;
}

/** Asks the program, and returns its answer; throws an error with its words. */
export async function ask(name, parameters, signal) {
  let answer;
  try {
    answer = await fetch(address(name, parameters), { headers: { "X-Tidegate-Token": token() }, signal });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new Error("The program does not answer. Is tidegate inspect still running?");
  }
  const body = await answer.json();
  if (!answer.ok) {
    const error = new Error(body.error?.message ?? "the program refused");
    error.status = answer.status;
    throw error;
  }
  return body;
}

/** Returns an address that holds the token, for what can send no header. */
export const withToken = (name, parameters) => address(name, { ...parameters, token: token() });

/** The view that the address names: its path in parts, and its parameters. */
export function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { parts, parameters: new URLSearchParams(query) };
}

/** Returns the address of a view. The position that the page is as of goes along unless it is said. */
export function link(parts, parameters = {}) {
  const query = new URLSearchParams();
  const at = route().parameters.get("at");
  for (const [key, value] of Object.entries({ at, ...parameters })) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") query.append(key, one);
    }
  }
  const text = query.toString();
  return `#/${[parts].flat().map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Returns an element. Attributes that begin with `on` are listeners; children are elements or text. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(4).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const NUMBER = new Intl.NumberFormat("en");
export const number = (value) => NUMBER.format(value);
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function bytes(count) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${number(count)} bytes` : `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Microseconds since 1970 of a time in RFC 3339. */
export function micros(time) {
  const fraction = /\.(\d{1,6})/.exec(time)?.[1] ?? "";
  return Math.floor(Date.parse(time) / 1000) * 1e6 + Number(fraction.padEnd(6, "0"));
}

const two = (value) => String(value).padStart(2, "0");

export function day(time) {
  const date = new Date(time);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The local time of day, to the millisecond. */
export function clock(time) {
  const date = new Date(time);
  const millis = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}

export const local = (time) => `${day(time)} ${clock(time)}`;

/** How long some microseconds are, in at most two units. */
export function span(count) {
  if (count < 1000) return `${count} µs`;
  if (count < 1e6) return `${trim(count / 1e3)} ms`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let seconds = count / 1e6;
  if (seconds < 60) return `${trim(seconds)} s`;
  seconds = Math.round(seconds);
  const found = [];
  for (const [name, size] of units) {
    const whole = Math.floor(seconds / size);
    if (whole > 0 || found.length > 0) found.push(`${whole} ${name}`);
    seconds -= whole * size;
  }
  return found.slice(0, 2).join(" ");
}

const trim = (value) => String(Number(value.toPrecision(3)));

/** How long ago a time was, on the clock of this machine. */
export function ago(time) {
  const passed = Date.now() * 1000 - micros(time);
  return passed < 0 ? "just now" : `${span(Math.max(passed, 1000))} ago`;
}

/** Says something to a screen reader. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
