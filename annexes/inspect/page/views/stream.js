import { ask, counted, h, link, number } from "../base.js";
import { eventTable, fields, longTime, section, streamName } from "../parts.js";

export async function show({ parameters, past, signal }) {
  const stream = { scope: parameters.get("scope") ?? "", entity: parameters.get("entity") ?? "", lane: Number(parameters.get("lane") ?? 0) };
  const named = { scope: stream.scope, entity: stream.entity, lane: stream.lane || "" };
  const before = parameters.get("before") ?? "";
  const answer = await ask("stream", { ...named, ...past, before, limit: 100 }, signal);
  const oldest = answer.events.at(-1)?.position;
  const body = [
    h("h1", {}, streamName(stream), h("span", { class: "quiet id" }, counted(answer.version, "version"))),
    fields([
      ["Scope", h("a", { href: link("events", { scope: stream.scope }) }, stream.scope)],
      ["Entity", stream.entity],
      ["Lane", number(stream.lane)],
      ["Began", answer.first ? longTime(answer.first.time) : null],
      ["Last", answer.events[0] && !before ? longTime(answer.events[0].time) : null],
    ]),
    section("Versions", eventTable(answer.events, "Events of the stream, the newest first", "The stream has no event yet."),
      h("nav", { class: "pages", "aria-label": "Pages" },
        before ? h("a", { href: link("stream", named) }, "Newest") : null,
        answer.has_more ? h("a", { href: link("stream", { ...named, before: oldest }), rel: "next" }, "Older versions") : null)),
  ];
  return { title: streamName(stream), body };
}
