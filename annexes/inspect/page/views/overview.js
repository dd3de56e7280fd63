import { ago, ask, counted, day, h, link, number, span } from "../base.js";
import { bars, eventTable, failure, kind, section, streamName } from "../parts.js";

export async function show({ past, status, signal }) {
  const overview = await ask("overview", past, signal);
  const plotPlace = h("div", { class: "plot-place" });
  const lists = h("div", { class: "columns" }, h("p", { class: "quiet" }, "Counting kinds…"));
  const lagging = overview.readers.filter((reader) => reader.lag > 0 || reader.parked?.length || reader.error);
  const reading = overview.readers.length === 0 ? "none" : lagging.length === 0 ? `${counted(overview.readers.length, "reader")}, all up to date` : `${number(lagging.length)} of ${counted(overview.readers.length, "reader")} behind`;
  const length = overview.first && overview.last ? span((Date.parse(overview.last) - Date.parse(overview.first)) * 1000) : null;
  const tiles = [
    ["Events", number(overview.events), status.floor > 1 ? `from position ${number(status.floor)} on` : null],
    ["Last event", overview.last ? ago(overview.last) : "none", overview.last ? `${day(overview.last)}` : null],
    ["Over", length ?? "—", overview.first ? `since ${day(overview.first)}` : null],
    ["Scopes", number(overview.scopes.length), overview.scopes.slice(0, 4).join(", ")],
    ["Readers", overview.readers.length ? number(overview.readers.length) : "0", reading],
  ];
  const body = [
    h("h1", {}, status.name, h("span", { class: "quiet id" }, status.store)),
    h("div", { class: "tiles" }, tiles.map(([name, value, more]) => h("div", { class: "tile" }, h("span", { class: "label" }, name), h("strong", {}, value), h("span", { class: "quiet" }, more ?? "")))),
    lagging.length ? h("p", { class: "band warn" }, lagging.slice(0, 3).map((reader, at) => [at ? " · " : "", h("a", { href: link("readers") }, reader.name), reader.error ? " cannot be read" : ` is ${counted(reader.lag, "event")} behind`, reader.parked?.length ? `, ${counted(reader.parked.length, "event")} parked` : ""])) : null,
    section("Events over time", plotPlace),
    lists,
    section("Newest", eventTable(overview.newest, "The newest events"), h("p", {}, h("a", { href: link("events") }, "All events"))),
  ];
  const shown = async () => {
    try {
      const { ratePlot } = await import("../plot.js");
      const plot = ratePlot({}, past, signal, "Events over time", (since, until) => (location.hash = link("events", { since, until })));
      plotPlace.append(plot.figure);
      await plot.shown();
    } catch (error) {
      if (error.name !== "AbortError") plotPlace.append(failure(error));
    }
    try {
      lists.replaceChildren(...listsOf(await ask("kinds", past, signal)));
    } catch (error) {
      if (error.name !== "AbortError") lists.replaceChildren(failure(error));
    }
  };
  return { title: "Overview", body, shown };
}

function listsOf(kinds) {
  const recent = kinds.is_whole ? "" : `in the last ${number(kinds.counted)} events`;
  const note = recent ? h("p", { class: "quiet note" }, `The most frequent ${recent}.`) : null;
  const kindItems = kinds.kinds.map((one) => ({ label: kind(one), count: one.count, href: link("events", { kind: one.kind }) }));
  const streams = kinds.streams.map((one) => ({ label: streamName(one), count: one.count, href: link("stream", { scope: one.scope, entity: one.entity, lane: one.lane || "" }) }));
  const tags = kinds.tags.map((one) => ({ label: one.tag, count: one.count, href: link("events", { tag: one.tag }) }));
  const kindNote = recent ? h("p", { class: "quiet note" }, `Kinds ${recent}, counted over the whole log.`) : null;
  return [
    section(`Kinds`, bars(kindItems), kinds.kinds_in_all > kindItems.length ? h("p", { class: "quiet note" }, `and ${number(kinds.kinds_in_all - kindItems.length)} more`) : null, kindNote),
    section(`Largest streams`, bars(streams), note?.cloneNode(true)),
    tags.length ? section("Tags", bars(tags), note?.cloneNode(true)) : null,
  ].filter(Boolean);
}
