// The page: its header, the time slider, and which view stands below.

import { address, ask, clock, counted, day, h, link, number, route, say, takeToken } from "./base.js";
import { failure } from "./parts.js";

const VIEWS = [
  ["", "Overview", "overview"],
  ["events", "Events", "events"],
  ["readers", "Readers", "readers"],
  ["proofs", "Proofs", "proofs"],
  ["upkeep", "Upkeep", "upkeep"],
];
/** Views that other views lead to. */
const INNER = { event: "event", stream: "stream", flow: "flow" };

takeToken();

const main = document.getElementById("main");
const header = document.getElementById("header");
let status = null;
let leave = null;
let turn = 0;

const at = () => route().parameters.get("at");

/** Opens the same view as of another position; "" is now. */
function travel(position) {
  const { parts, parameters } = route();
  if (position === "") parameters.delete("at");
  else parameters.set("at", position);
  const text = parameters.toString();
  location.hash = `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

async function travelToTime(input) {
  const time = new Date(input.value);
  if (Number.isNaN(time.getTime())) return;
  const { position } = await ask("position", { time: time.toISOString() });
  travel(String(position));
}

function slider() {
  const isNow = at() === null;
  const position = isNow ? status.head : status.at;
  const output = h("output", { class: "num", for: "at" }, number(position));
  const range = h("input", {
    id: "at", type: "range", min: Math.max(status.floor - 1, 0), max: status.head, step: 1, value: position,
    "aria-label": "Position the page is as of", "aria-valuetext": `position ${number(position)}`,
    oninput: (event) => (output.textContent = number(Number(event.target.value))),
    onchange: (event) => travel(Number(event.target.value) >= status.head ? "" : event.target.value),
  });
  // Set once more: the value is cut to the ends that were set before it.
  range.value = position;
  const when = h("input", {
    id: "when", type: "datetime-local", step: 1, "aria-label": "Show the store as it was at this local time",
    value: status.time ? `${day(status.time)}T${clock(status.time).slice(0, 8)}` : "",
    onchange: (event) => travelToTime(event.target).catch(show),
  });
  return h("div", { class: "travel" }, h("label", { for: "at" }, "As of"), range, output, when,
    h("button", { type: "button", id: "now", class: "small", disabled: isNow, onclick: () => travel("") }, "Now"));
}

function drawHeader() {
  const [current = ""] = route().parts;
  const links = VIEWS.map(([path, name]) =>
    h("a", { href: link(path ? [path] : []), "aria-current": path === current ? "page" : null }, name));
  const find = h("form", { role: "search", onsubmit: (event) => {
    event.preventDefault();
    const text = event.target.elements.find.value.trim();
    if (text) location.hash = link(["event", text]);
  } }, h("input", { name: "find", type: "search", placeholder: "Position, id or key", "aria-label": "Find an event by position, id or import key", "aria-keyshortcuts": "/" }));
  const bands = [];
  if (at() !== null) {
    bands.push(h("p", { class: "band past", role: "status" }, `As of position ${number(status.at)}`,
      status.time ? `, ${day(status.time)} ${clock(status.time)}` : ", before the first event",
      `. ${counted(status.head - status.at, "later event")} not shown. `, h("a", { href: "#", onclick: (event) => { event.preventDefault(); travel(""); } }, "Back to now")));
  }
  if (status.damage) bands.push(h("p", { class: "band damage", role: "alert" }, `Damage hides what follows position ${number(status.head)}: ${status.damage}`));
  if (status.unconfirmed) bands.push(h("p", { class: "band damage" }, status.unconfirmed));
  header.replaceChildren(
    h("div", { class: "bar" },
      h("a", { class: "brand", href: link([]) }, h("img", { src: "/icon.svg", alt: "", width: 22, height: 22 }), status.name),
      h("nav", { "aria-label": "Views" }, links), find),
    slider(), ...bands);
}

/** Takes in how far the log is now. */
export function headIs(head) {
  if (!status || head === status.head) return;
  status.head = head;
  if (at() === null) {
    status.at = head;
    const range = document.getElementById("at");
    if (range && document.activeElement !== range) {
      range.max = head;
      range.value = head;
      range.nextElementSibling.textContent = number(head);
    }
  }
}

function show(error) {
  if (error.name === "AbortError") return;
  main.replaceChildren(h("h1", {}, "That did not work"), failure(error),
    error.status === 403 ? h("p", {}, "Open the address that tidegate inspect printed, with everything behind the #.") : "");
  main.dataset.state = "failed";
}

async function open() {
  const mine = ++turn;
  leave?.abort();
  leave = new AbortController();
  const { parts, parameters } = route();
  const [path = "", ...rest] = parts;
  main.dataset.state = "loading";
  try {
    const file = VIEWS.find(([name]) => name === path)?.[2] ?? INNER[path];
    if (!file) throw new Error("There is no such page.");
    const past = at() === null ? {} : { at: at() };
    const [found, view] = await Promise.all([ask("status", past, leave.signal), import(`./views/${file}.js`)]);
    if (mine !== turn) return;
    status = found;
    drawHeader();
    const context = { parts: rest, parameters, past, status, signal: leave.signal, headIs, show };
    const content = await view.show(context);
    if (mine !== turn) return;
    document.title = `${content.title} · ${status.name} · Tidegate`;
    main.replaceChildren(...[content.body].flat(3).filter(Boolean));
    main.dataset.state = "ready";
    main.dataset.view = file;
    content.shown?.();
    say(content.title);
  } catch (error) {
    if (mine === turn) show(error);
  }
}

addEventListener("hashchange", () => {
  if (/^#[0-9a-f]{32}$/.test(location.hash)) takeToken();
  scrollTo(0, 0);
  open();
});
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(event.key);
  if (event.key === "/") {
    event.preventDefault();
    header.querySelector("[name=find]")?.focus();
  } else if (number >= 1 && number <= VIEWS.length) {
    location.hash = link(VIEWS[number - 1][0] ? [VIEWS[number - 1][0]] : []);
  } else if (event.key === "n" && at() !== null) {
    travel("");
  }
});

// The skip link names a place in the page, and is no address of a view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

await open();
export { address };
