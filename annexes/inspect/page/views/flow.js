import { ask, counted, h, number, span } from "../base.js";
import { event, eventTable, failure, fields, kind, longTime, section, stream, table, time } from "../parts.js";
import { picture } from "../picture.js";

export async function show({ parts, past, signal }) {
  const id = parts[0] ?? "";
  const answer = await ask(`flow/${encodeURIComponent(id)}`, past, signal);
  const place = h("div", {}, h("p", { class: "quiet" }, "Drawing…"));
  const length = (Date.parse(answer.last.time) - Date.parse(answer.first.time)) * 1000;
  const known = new Map(answer.events.map((row) => [row.position, row]));
  const slowest = Math.max(...answer.critical.map((hop) => hop.waited));
  const hops = answer.critical.map((hop) => {
    const row = known.get(hop.position);
    const isSlowest = hop.waited === slowest && slowest > 0;
    return [event(hop.position), time(hop.time), h("span", { class: isSlowest ? "slowest" : "" }, hop.waited ? `+${span(hop.waited)}` : "—", isSlowest ? " longest" : ""), row ? kind(row) : h("span", { class: "quiet" }, "outside this flow"), row ? stream(row) : ""];
  });
  const body = [
    h("h1", {}, "Flow", h("span", { class: "quiet id mono" }, id)),
    fields([
      ["Began with", h("span", {}, kind(answer.first), " ", event(answer.first.position))],
      ["Began", longTime(answer.first.time)],
      ["Last event", h("span", {}, kind(answer.last), " ", event(answer.last.position))],
      ["Took", span(length)],
      ["Events", number(answer.count)],
    ]),
    section("Picture", place),
    section("Critical path", h("p", { class: "quiet note" }, "The way to the last event that took the longest, with the time each step waited for its cause."),
      table([["Position", "num"], ["Time"], ["Waited", "num"], ["Kind"], ["Stream"]], hops, "Critical path")),
    section("Events", eventTable(answer.events, "Events of the flow"), answer.count > answer.events.length ? h("p", { class: "quiet" }, `The first ${number(answer.events.length)} of ${counted(answer.count, "event")}.`) : null),
  ];
  const shown = async () => {
    try {
      place.replaceChildren(await picture({ correlation: id }, past, signal, answer.critical.map((hop) => hop.position)));
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(failure(error));
    }
  };
  return { title: `Flow of ${answer.first.kind}`, body, shown };
}
