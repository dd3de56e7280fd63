import { ask, h, link, number } from "../base.js";
import { eventTable, failure, fields, section } from "../parts.js";
import { check } from "../proof.js";

export async function show({ parameters, past, status, signal }) {
  const root = await ask("proofs", past, signal);
  const wanted = parameters.get("event") ?? "";
  const form = h("form", { class: "row", onsubmit: (submit) => {
    submit.preventDefault();
    location.hash = link("proofs", { event: submit.target.elements.event.value.trim() });
  } }, h("label", {}, "Event ", h("input", { name: "event", value: wanted, placeholder: "Position, id or key", required: true })), h("button", { type: "submit" }, "Prove"));
  const place = h("div", { id: "proof" });
  const body = [
    h("h1", {}, "Proofs"),
    section("The log as a tree", fields([
      ["Size", number(root.size)],
      ["Root", h("code", { class: "mono", id: "root" }, root.root)],
      ["Origin", h("code", { class: "mono" }, root.origin)],
    ]), h("p", { class: "quiet note" }, "The root commits to every event up to that position. A signed checkpoint of it is made with ", h("code", {}, `tidegate checkpoint ${status.directory ?? "DIR"} --key FILE`), ".")),
    section("Is this event under it?", form, place),
  ];
  const shown = async () => {
    if (!wanted) return;
    try {
      const proof = await ask(`proof/${encodeURIComponent(wanted)}`, past, signal);
      const found = await check(proof, root.root);
      const verdict = found.isRight ? h("p", { class: "band good", id: "verdict" }, `Yes. This page computed the root from the event's own 136 bytes and ${number(proof.hashes.length)} hashes, and it is the root above.`) : h("p", { class: "band damage", id: "verdict", role: "alert" }, "No. The event and its hashes lead to another root.");
      const steps = found.steps.map((step, at) => h("li", {}, h("span", { class: "quiet" }, `${at + 1}. with ${step.side} `), h("code", { class: "mono" }, step.other), h("span", { class: "quiet" }, " gives "), h("code", { class: "mono" }, step.hash)));
      place.replaceChildren(verdict, eventTable([proof.row], "The event"), fields([["Leaf", h("code", { class: "mono" }, found.leaf)], ["Root found", h("code", { class: "mono" }, found.root)]]), h("details", {}, h("summary", {}, "Every step"), h("ol", { class: "steps" }, steps)));
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(failure(error));
    }
  };
  return { title: "Proofs", body, shown };
}
