// Parts that several views have: tables of events, lists of fields, payloads as trees.

import { address, ago, clock, counted, day, h, link, local, number, s, say } from "./base.js";

/** The colour of a kind as a small square: the same as in every picture. */
export const kindMark = (colour) =>
  s("svg", { class: "tg dot", viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, s("rect", { class: `d${colour}`, width: 10, height: 10, rx: 3 }));

export function kind(row) {
  return h("span", { class: "kind" }, kindMark(row.colour), row.kind);
}

export const event = (position, text = number(position)) =>
  h("a", { href: link(["event", position]), class: "num" }, text);

export const streamName = (row) => (row.lane ? `${row.scope}/${row.entity}/${row.lane}` : `${row.scope}/${row.entity}`);

export const stream = (row) =>
  h("a", { href: link("stream", { scope: row.scope, entity: row.entity, lane: row.lane || "" }), class: "name" }, streamName(row));

export function time(text) {
  return h("time", { datetime: text, title: `${text}\n${local(text)} here\n${ago(text)}` }, clock(text));
}

export const longTime = (text) =>
  h("time", { datetime: text, title: ago(text) }, `${local(text)}`, h("span", { class: "quiet" }, ` · ${text.replace("T", " ").replace("Z", " UTC")}`));

/** What is known of a payload, in a line. */
export function payloadLine(row) {
  if (row.state === "erased") return h("span", { class: "badge" }, "erased");
  if (row.state === "encrypted") return h("span", { class: "badge" }, "encrypted");
  if (row.text === "" && row.state === "bytes") return h("span", { class: "quiet" }, "no payload");
  return h("code", { class: "payload" }, row.text);
}

/** Returns the row of an event in a table. */
export function eventRow(row, dayBefore) {
  const today = day(row.time);
  const tags = row.tags.map((tag) => h("a", { class: "tag", href: link("events", { tag }) }, tag));
  return h(
    "tr",
    { "data-position": row.position },
    h("td", { class: "num" }, event(row.position)),
    h("td", { class: "when" }, dayBefore === today ? null : h("span", { class: "day" }, today), time(row.time)),
    h("td", {}, h("a", { href: link(["event", row.position]), class: "plain" }, kind(row))),
    h("td", {}, stream(row)),
    h("td", { class: "wide" }, payloadLine(row), tags.length ? h("span", { class: "tags" }, tags) : null),
  );
}

const HEADS = ["Position", "Time", "Kind", "Stream", "Payload and tags"];

/** Returns a table of events, in the order they are given. */
export function eventTable(rows, caption, empty = "No events.") {
  if (rows.length === 0) return h("p", { class: "empty" }, empty);
  const body = h("tbody");
  let before = "";
  for (const row of rows) {
    body.append(eventRow(row, before));
    before = day(row.time);
  }
  return h(
    "div",
    { class: "scroll" },
    h("table", { class: "events" }, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, HEADS.map((text, at) => h("th", { scope: "col", class: at === 0 ? "num" : "" }, text)))), body),
  );
}

/** Returns a table of other things; a column is [head, class]. */
export function table(columns, rows, caption) {
  const cells = (row) => h("tr", {}, row.map((cell, at) => h("td", { class: columns[at][1] ?? "" }, cell)));
  return h(
    "div",
    { class: "scroll" },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, columns.map(([text, name]) => h("th", { scope: "col", class: name ?? "" }, text)))), h("tbody", {}, rows.map(cells))),
  );
}

/** Returns names and values. */
export function fields(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return h("dl", { class: "fields" }, shown.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export function section(title, ...content) {
  const id = `s-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), content);
}

export function copyButton(text, label) {
  const button = h("button", { type: "button", class: "small" }, label);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    say("copied");
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

/** A number as its source spells it: a large one would lose digits as a value. */
class Exact {
  constructor(text) {
    this.text = text;
  }
}

/** Reads JSON, and keeps numbers that do not survive as such. */
function read(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && context?.source && String(value) !== context.source ? new Exact(context.source) : value,
  );
}

const CHILDREN_MAX = 200;

/** Returns a payload: a tree if it is JSON, else its text. */
export function payload(text, state) {
  if (state === "erased") return h("p", { class: "empty" }, "This payload was erased for good. Its commitment still stands in the leaf.");
  if (state === "encrypted") return h("p", { class: "empty" }, "This payload is encrypted, and no key for it is at hand.");
  if (text === "") return h("p", { class: "empty" }, "This event has no payload.");
  let value;
  try {
    if (state === "bytes") throw new Error("bytes are no JSON");
    value = read(text);
  } catch {
    return h("pre", { class: "raw", tabindex: "0" }, text);
  }
  return h("div", { class: "tree" }, node(value, null, 0));
}

function node(value, name, depth) {
  const label = name === null ? null : h("span", { class: "key" }, String(name), h("span", { class: "quiet" }, ": "));
  if (value === null || typeof value !== "object" || value instanceof Exact) return h("div", { class: "leaf" }, label, scalar(value));
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  if (entries.length === 0) return h("div", { class: "leaf" }, label, h("span", { class: "quiet" }, isList ? "[ ]" : "{ }"));
  const about = h("span", { class: "quiet" }, isList ? counted(entries.length, "item") : counted(entries.length, "field"));
  const details = h("details", depth < 3 && entries.length <= 50 ? { open: true } : {}, h("summary", {}, label, about));
  const open = () => {
    if (details.childElementCount > 1) return;
    const shown = entries.slice(0, CHILDREN_MAX).map(([key, child]) => node(child, key, depth + 1));
    if (entries.length > CHILDREN_MAX) shown.push(h("p", { class: "quiet" }, `and ${number(entries.length - CHILDREN_MAX)} more`));
    details.append(h("div", { class: "children" }, shown));
  };
  if (details.open) open();
  details.addEventListener("toggle", open);
  return details;
}

function scalar(value) {
  if (value instanceof Exact) return h("span", { class: "value number" }, value.text);
  const type = value === null ? "null" : typeof value;
  return h("span", { class: `value ${type}` }, type === "string" ? JSON.stringify(value) : String(value));
}

/** Returns a failure as an element. */
export const failure = (error) => h("p", { class: "failure", role: "alert" }, error.message);

/** Bars: a name, a count, and how much that is of the largest. */
export function bars(items) {
  const most = Math.max(1, ...items.map((item) => item.count));
  return h(
    "ul",
    { class: "bars" },
    items.map((item) =>
      h("li", {}, h("a", { href: item.href, class: "plain" }, item.label), h("span", { class: "num" }, number(item.count)), h("meter", { min: 0, max: most, value: item.count, "aria-hidden": "true" })),
    ),
  );
}

export { address };
