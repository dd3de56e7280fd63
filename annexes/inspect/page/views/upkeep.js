import { ask, bytes, counted, h, number } from "../base.js";
import { event, fields, longTime, section, table } from "../parts.js";

export async function show({ past, signal }) {
  const answer = await ask("upkeep", past, signal);
  const { files } = answer;
  const erasures = answer.erasures.map((one) => [event(one.row.position), longTime(one.time), one.events === null ? one.row.kind : counted(one.events, "event"), (one.runs ?? []).slice(0, 5).map(([first, last], at) => [at ? ", " : "", event(first, first === last ? number(first) : `${number(first)}–${number(last)}`)]), one.reason ?? "", one.by ?? ""]);
  const body = [
    h("h1", {}, "Upkeep"),
    section("State", fields([
      ["Opening", answer.report],
      ["Retired", answer.floor > 1 ? `everything before position ${number(answer.floor)}` : "no event"],
      ["Size", files ? bytes(files.bytes) : null],
      ["Backup", files ? (files.has_backup ? "this directory is a backup" : "backups stand in directories of their own; tidegate examine DIR looks at one") : null],
    ])),
    files ? section("Files", table([["Folder"], ["Files", "num"], ["Size", "num"]], files.folders.map((folder) => [h("code", {}, folder.name || "."), number(folder.files), bytes(folder.bytes)]), "Files by folder"),
      h("details", {}, h("summary", {}, `${counted(files.segments_in_all, "segment file")}, the last first`), table([["File"], ["Size", "num"]], files.segments.map((file) => [h("code", {}, file.name), bytes(file.bytes)]), "Segments, the last first"))) : null,
    section("Erased", erasures.length ? table([["Position", "num"], ["When"], ["What", "num"], ["Where"], ["Reason"], ["By"]], erasures, "Erasures, the last first") : h("p", { class: "empty" }, "No payload was erased.")),
  ];
  return { title: "Upkeep", body };
}
