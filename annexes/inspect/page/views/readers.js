import { ago, ask, bytes, counted, h, link, number, span } from "../base.js";
import { event, eventTable, failure, kind, section, stream, table } from "../parts.js";

export async function show({ past, signal }) {
  const answer = await ask("readers", past, signal);
  const readers = [...answer.readers].sort((one, other) => (other.lag ?? Infinity) - (one.lag ?? Infinity));
  const rows = readers.map((reader) => {
    if (reader.error) return [h("strong", {}, reader.name), "", "", "", failure(new Error(reader.error)), ""];
    const behind = reader.lag === 0 ? h("span", { class: "good" }, "up to date") : h("strong", { class: "lag" }, counted(reader.lag, "event"));
    const oldest = reader.oldest ? h("span", {}, kind(reader.oldest), " ", event(reader.oldest.position), h("span", { class: "quiet" }, ` ${ago(reader.oldest.time)}`)) : "";
    const age = reader.behind_micros === null || reader.lag === 0 ? "" : span(reader.behind_micros);
    return [h("strong", {}, reader.name, h("span", { class: "quiet" }, ` ${reader.role}`)), h("span", { class: "num" }, number(reader.position)), behind, oldest, age, h("a", { href: link("events", { query: reader.query === "\"all\"" ? "" : reader.query }), class: "plain" }, h("code", {}, reader.query))];
  });
  const parked = readers.flatMap((reader) => (reader.parked ?? []).map((one) => [
    h("strong", {}, reader.name), event(one.position), one.event ? h("span", {}, kind(one.event), " ", stream(one.event)) : "", counted(one.attempts, "try", "tries"), h("span", { class: "reason" }, one.reason), ago(one.time)]));
  const body = [
    h("h1", {}, "Readers"),
    past.at ? h("p", { class: "band warn" }, "A store keeps where its readers are now, not where they were: these are their places of now.") : null,
    section("Cursors and reactors", rows.length ? table([["Reader"], ["At", "num"], ["Behind", "num"], ["Oldest unhandled"], ["Its age before the newest", "num"], ["Reads"]], rows, "Readers, the slowest first") : h("p", { class: "empty" }, "No reader keeps its place in this store.")),
    section("Parked", parked.length ? table([["Reader"], ["Position", "num"], ["Event"], ["After", "num"], ["Reason"], ["Parked"]], parked, "Parked events") : h("p", { class: "empty" }, "No event is parked.")),
    section("Projections", answer.projections.length ? [table([["Projection"], ["Saved states", "num"], ["Size", "num"]], answer.projections.map((one) => [h("strong", {}, one.name), number(one.states), bytes(one.bytes)]), "Projections"), h("p", { class: "quiet note" }, "How far a saved state is stands in its file, which its program reads.")] : h("p", { class: "empty" }, "No saved state in this store.")),
  ];
  return { title: "Readers", body };
}

export { eventTable };
