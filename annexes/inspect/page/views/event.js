import { ago, ask, bytes, counted, h, link, number, route } from "../base.js";
import { copyButton, event, eventTable, failure, fields, kind, longTime, payload, section, stream } from "../parts.js";
import { picture } from "../picture.js";

export async function show({ parts, parameters, past, signal }) {
  const answer = await ask(`event/${encodeURIComponent(parts[0] ?? "")}`, past, signal);
  const { row, grounds } = answer;
  const steps = Number(parameters.get("steps") ?? 2);
  const line = JSON.parse(answer.line);
  const place = h("div", {}, h("p", { class: "quiet" }, "Drawing…"));
  const neighbour = (position, text) => (position ? h("a", { href: link(["event", position]) }, text) : h("span", { class: "quiet" }, text));
  const meta = Object.entries(line.meta ?? {}).map(([name, value]) => [name, h("code", {}, typeof value === "string" ? value : JSON.stringify(value))]);
  const body = [
    h("h1", {}, kind(row), h("span", { class: "quiet id" }, `position ${number(row.position)}`)),
    h("nav", { class: "row", "aria-label": "Neighbours" },
      neighbour(row.position > 1 ? row.position - 1 : null, "← Before"), neighbour(row.position + 1, "Next →"),
      h("span", { class: "space" }),
      neighbour(answer.stream.before, "← Before in stream"), neighbour(answer.stream.after, "Next in stream →")),
    h("div", { class: "halves" },
      section("Payload", payload(answer.payload, answer.state)),
      section("Fields", fields([
        ["Recorded", longTime(row.time)],
        ["Happened", row.happened ? longTime(row.happened) : null],
        ["Ago", ago(row.time)],
        ["Stream", stream(row)],
        ["Version", number(row.version)],
        ["Schema version", line.schema],
        ["Tags", row.tags.length ? row.tags.map((tag) => h("a", { class: "tag", href: link("events", { tag }) }, tag)) : null],
        ["Flow", h("a", { href: link(["flow", row.correlation]), class: "mono" }, row.correlation)],
        ["Id", h("code", { class: "mono" }, row.id)],
        ["Import key", row.key ? h("code", {}, row.key) : null],
        ["Idempotency key", line.idempotency_key ? h("code", {}, line.idempotency_key) : null],
        ["Payload", `${answer.state}, ${bytes(answer.bytes)}`],
        ["Leaf", h("span", {}, h("code", { class: "mono" }, answer.leaf), " ", h("a", { href: link("proofs", { event: row.position }) }, "prove it"))],
        ["Epoch", answer.epoch === null ? null : number(answer.epoch)],
      ]),
      h("div", { class: "row" }, copyButton(row.id, "Copy id"), copyButton(answer.line, "Copy JSON")))),
    section("What led to it, and what it led to", place),
    section(`Causes`, eventTable(answer.causes, "Causes", answer.foreign.length ? "None in this store." : "None: it began its flow, or its cause is not recorded."),
      answer.foreign.map((cause) => h("p", {}, "In another store: ", h("code", { class: "mono" }, cause))),
      answer.causes_in_all > answer.causes.length ? h("p", { class: "quiet" }, `${counted(answer.causes_in_all, "cause")} in all`) : null),
    section(`Effects`, eventTable(answer.effects, "Effects", "None so far."),
      answer.has_more_effects ? h("p", {}, h("a", { href: link("events", { query: JSON.stringify([{ cause: row.position }]) }) }, "There are more")) : null),
    groundsSection(row, grounds),
    meta.length ? section("Metadata", fields(meta)) : null,
  ];
  const shown = async () => {
    try {
      const more = (count, text) => h("a", { class: "button small", href: link(["event", row.position], { steps: count }) , "aria-current": count === steps ? "true" : null }, text);
      const drawn = await picture({ event: row.position, up: steps, down: steps }, past, signal);
      place.replaceChildren(h("div", { class: "row" }, h("span", { class: "quiet" }, "Steps each way"), [1, 2, 4, 8].map((count) => more(count, String(count)))), drawn);
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(failure(error));
    }
  };
  return { title: `${row.kind} ${number(row.position)}`, body, shown };
}

/** On what grounds it is in the log: its batch, gates, and what the decision read. */
function groundsSection(row, grounds) {
  const [first, last] = grounds.batch;
  const others = last > first ? h("span", {}, "appended as one with ", event(first), " to ", event(last)) : "appended alone";
  const read = grounds.read?.map((read) => h("div", { class: "read" }, h("p", {}, h("code", {}, read.query), h("span", { class: "quiet" }, ` selected ${counted(read.count, "event")} then`)), read.last.length ? eventTable(read.last, "The last of them") : null));
  return section("Why it is in the log", fields([
    ["Batch", others],
    ["Gates", grounds.gates.length ? grounds.gates.join(", ") : "none passed"],
    ["Bypass", grounds.bypass ? `${grounds.bypass.reason}: ${grounds.bypass.justification}` : null],
    ["Judged at", grounds.judged_at === null ? null : h("a", { href: link(route().parts, { at: grounds.judged_at }) }, `position ${number(grounds.judged_at)}`)],
    ["Not found", [...grounds.absent_ids, ...grounds.absent_keys].length ? [...grounds.absent_ids, ...grounds.absent_keys].join(", ") : null],
  ]), read ?? h("p", { class: "quiet" }, "What the decision read was not kept."));
}
