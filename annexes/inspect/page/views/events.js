import { ask, counted, day, h, link, number, say, withToken } from "../base.js";
import { copyButton, eventRow, eventTable, failure } from "../parts.js";

const FILTERS = [
  ["kind", "Kind", "order.placed, or order.*"],
  ["scope", "Scope", ""],
  ["entity", "Entity", "whole name"],
  ["entity_prefix", "Entity begins with", ""],
  ["tag", "Tag", ""],
  ["correlation", "Flow", "id"],
];
const TIMES = [["since", "From"], ["until", "Before"]];
const ROWS = 100;
const ROWS_MAX = 500;

const quoted = (text) => (/^[\w./:*+-]+$/.test(text) && !text.includes("*") ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** The same question on the command line. */
function command(status, parameters) {
  const words = ["tidegate read", quoted(status.directory ?? "DIR")];
  const names = { kind: "--kind", scope: "--scope", entity: "--entity", entity_prefix: "--entity-prefix", tag: "--tag", correlation: "--correlation", since: "--since", until: "--until" };
  for (const [name, flag] of Object.entries(names)) {
    for (const value of parameters.getAll(name)) if (value) words.push(flag, quoted(value));
  }
  return words.join(" ");
}

const toLocal = (text) => {
  const date = new Date(text);
  return text && !Number.isNaN(date.getTime()) ? `${day(text)}T${date.toTimeString().slice(0, 8)}` : "";
};

export async function show({ parameters, past, status, signal, headIs }) {
  const filters = {};
  for (const [name] of [...FILTERS, ...TIMES]) filters[name] = parameters.getAll(name).filter(Boolean);
  const before = parameters.get("before") ?? "";
  const isPast = past.at !== undefined;
  const answer = await ask("events", { ...filters, ...past, before, limit: ROWS }, signal);
  const form = h("form", { class: "filters", "aria-label": "Filters", onsubmit: (event) => {
    event.preventDefault();
    const next = {};
    for (const [name] of FILTERS) next[name] = name === "kind" || name === "tag" ? event.target.elements[name].value.split(/[\s,]+/) : event.target.elements[name].value.trim();
    for (const [name] of TIMES) {
      const value = event.target.elements[name].value;
      next[name] = value ? new Date(value).toISOString() : "";
    }
    location.hash = link("events", next);
  } },
    FILTERS.map(([name, label, hint]) => h("label", {}, label, h("input", { name, value: filters[name].join(", "), placeholder: hint, autocomplete: "off", spellcheck: "false" }))),
    TIMES.map(([name, label]) => h("label", {}, label, h("input", { name, type: "datetime-local", step: 1, value: toLocal(filters[name][0] ?? "") }))),
    h("div", { class: "buttons" }, h("button", { type: "submit" }, "Show"), h("a", { class: "button", href: link("events") }, "Clear")));
  const count = h("span", { class: "quiet", id: "count" });
  const live = h("button", { type: "button", id: "live", "aria-pressed": "false", disabled: isPast || before !== "", title: isPast ? "A past state does not go on" : "Show events as they come" }, "Live");
  const list = h("div", { id: "list" }, eventTable(answer.events, "Events, the newest first", "No event matches."));
  const oldest = answer.events.at(-1)?.position;
  const pages = h("nav", { class: "pages", "aria-label": "Pages" },
    before ? h("a", { href: link("events", { ...filters }) }, "Newest") : null,
    answer.has_more ? h("a", { href: link("events", { ...filters, before: oldest }), rel: "next" }, "Older events") : null);
  const body = [
    h("h1", {}, "Events"),
    form,
    h("div", { class: "row" }, count, h("span", { class: "space" }), live, copyButton(command(status, parameters), "Copy as command line"),
      h("a", { class: "button small", href: withToken("export", { ...filters, ...past }), download: "events.jsonl" }, "Export JSON Lines")),
    list, pages];
  const shown = async () => {
    live.addEventListener("click", () => toggle(live, list, filters, answer, signal, headIs));
    try {
      const found = await ask("count", { ...filters, ...past }, signal);
      count.textContent = counted(found.count, "event");
      say(`${counted(found.count, "event")} found`);
    } catch (error) {
      if (error.name !== "AbortError") count.replaceChildren(failure(error));
    }
  };
  return { title: "Events", body, shown };
}

let source = null;

function toggle(button, list, filters, answer, signal, headIs) {
  const isOn = button.getAttribute("aria-pressed") === "true";
  source?.close();
  source = null;
  button.setAttribute("aria-pressed", String(!isOn));
  if (isOn) return;
  const events = new EventSource(withToken("live", { ...filters, after: answer.head }));
  source = events;
  signal.addEventListener("abort", () => events.close());
  let before = "";
  events.addEventListener("message", (message) => {
    const row = JSON.parse(message.data);
    answer.head = row.position;
    let body = list.querySelector("tbody");
    if (!body) {
      list.replaceChildren(eventTable([row], "Events, the newest first"));
      body = list.querySelector("tbody");
    } else {
      body.prepend(eventRow(row, before));
    }
    body.firstElementChild.classList.add("new");
    before = day(row.time);
    while (body.childElementCount > ROWS_MAX) body.lastElementChild.remove();
  });
  events.addEventListener("head", (message) => headIs(JSON.parse(message.data).head));
  events.addEventListener("skipped", (message) => {
    const { after, until } = JSON.parse(message.data);
    list.prepend(h("p", { class: "band warn" }, `Events from position ${number(after + 1)} to ${number(until)} came too fast to be shown.`));
  });
  events.addEventListener("failed", (message) => {
    list.prepend(failure(new Error(JSON.parse(message.data).message)));
    events.close();
  });
  say("live");
}
