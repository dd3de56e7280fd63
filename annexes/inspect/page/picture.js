// Pictures of what led to what: elements made of a layout, to be clicked, moved and enlarged.

import { ask, counted, h, link, number, s, withToken } from "./base.js";
import { kindMark } from "./parts.js";

const HEIGHT_MAX = 640;

/** Returns a picture of an event's causes and effects, or of a flow, with some positions marked. */
export async function picture(parameters, past, signal, marked = []) {
  const drawn = await ask("picture", { ...parameters, ...past }, signal);
  const path = new Set(marked);
  const holds = (at, position) => drawn.nodes[at].positions.includes(position);
  // A line is marked if it leads from one marked event to the next.
  const isWay = (edge) => marked.some((position, n) => n > 0 && holds(edge.to, position) && holds(edge.from, marked[n - 1]));
  const isOn = drawn.nodes.map((node) => node.positions.some((position) => path.has(position)));
  const arrow = (id, name) =>
    s("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { class: name, d: "M0,0L8,4L0,8z" }));
  const image = s("svg", { class: "tg", role: "group", "aria-label": `${drawn.title}: ${drawn.summary}` },
    s("defs", {}, arrow("cause-end", "tg-cause"), arrow("lane-end", "tg-lane")),
    drawn.rows.filter((_, at) => at % 2 === 0).map((row) => s("rect", { class: "tg-band", x: 0, y: row.y - 8, width: drawn.width, height: row.height + 16 })),
    drawn.edges.map((edge) => s("path", {
      class: `${edge.is_cause ? "cause" : "lane"}${isWay(edge) ? " marked-line" : ""}`,
      "marker-end": `url(#${edge.is_cause ? "cause-end" : "lane-end"})`, d: edge.path })),
    drawn.nodes.map((node, at) => nodeOf(node, isOn[at])));
  const pane = h("div", { class: "pane" }, image);
  frame(pane, image, drawn);
  const left = drawn.left_out ? ` ${counted(drawn.left_out, "event")} left out.` : "";
  return h("figure", { class: "picture" }, pane,
    h("div", { class: "legend" }, drawn.legend.map((entry) => h("span", {}, kindMark(entry.colour), `${entry.name} (${number(entry.count)})`))),
    h("figcaption", { class: "quiet note" }, `${drawn.title}: ${drawn.summary}.${left} `,
      h("a", { href: withToken("picture.svg", { ...parameters, ...past }), download: "picture.svg" }, "Download as SVG")));
}

function nodeOf(node, isMarked) {
  const name = node.details.join(", ");
  const bar = `M${node.x + 6},${node.y}h2v${node.height}h-2a6,6 0 0 1 -6,-6v-${node.height - 12}a6,6 0 0 1 6,-6z`;
  const back = node.events > 1 ? [6, 3].map((step) => s("rect", { class: `c${node.colour}`, x: node.x + step, y: node.y + step, width: node.width, height: node.height, rx: 6 })) : [];
  const stub = (is, y) => (is ? s("path", { class: "more", d: `M${node.x + 14},${y}v11` }) : null);
  return s("a", { class: `node${isMarked ? " marked" : ""}`, href: link(["event", node.positions[0]]), "data-position": node.positions[0], "aria-label": name },
    s("title", {}, node.details.join("\n")), back, stub(node.more_causes, node.y - 11), stub(node.more_effects, node.y + node.height),
    s("rect", { class: `box c${node.colour}${node.is_focus ? " focus" : ""}`, x: node.x, y: node.y, width: node.width, height: node.height, rx: 6 }),
    s("path", { class: `d${node.colour}`, d: bar }),
    node.texts.map(([x, y, role, text]) => s("text", { class: role, x, y }, text)));
}

/** Shows the whole picture if it fits, and lets it be moved and enlarged. */
function frame(pane, image, drawn) {
  // The layout has room for titles and a legend, which stand beside the picture here.
  const tops = drawn.nodes.map((node) => node.y);
  const ends = drawn.nodes.map((node) => node.y + node.height);
  const lefts = drawn.nodes.map((node) => node.x);
  const rights = drawn.nodes.map((node) => node.x + node.width);
  const [left, top] = [Math.min(...lefts) - 24, Math.min(...tops) - 24];
  const whole = { x: left, y: top, width: Math.max(...rights) + 24 - left, height: Math.max(...ends) + 24 - top };
  const focus = drawn.nodes.find((node) => node.is_focus) ?? drawn.nodes[0];
  let box = { ...whole };
  const set = () => image.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
  const zoom = (factor, x = box.x + box.width / 2, y = box.y + box.height / 2) => {
    const width = Math.min(Math.max(box.width * factor, 200), whole.width * 3);
    const scale = width / box.width;
    box = { x: x - (x - box.x) * scale, y: y - (y - box.y) * scale, width, height: box.height * scale };
    set();
  };
  const fit = (isWhole) => {
    const width = pane.clientWidth || 1180;
    const high = Math.min(Math.max(whole.height, 140), HEIGHT_MAX);
    image.setAttribute("height", high);
    const scale = Math.max(whole.width / width, whole.height / high, 1);
    // Text that is too small to read helps no one: then it begins at the event in question.
    const shown = isWhole ? scale : Math.min(scale, 1.7);
    box = { width: width * shown, height: high * shown };
    const isCut = shown < scale;
    box.x = isCut ? focus.x + focus.width / 2 - box.width / 2 : whole.x + whole.width / 2 - box.width / 2;
    box.y = isCut && whole.height > box.height ? focus.y + focus.height / 2 - box.height / 2 : whole.y + whole.height / 2 - box.height / 2;
    set();
  };
  const tool = (text, name, act) => h("button", { type: "button", class: "small", "aria-label": name, title: name, onclick: act }, text);
  pane.append(h("div", { class: "tools" }, tool("+", "Enlarge", () => zoom(0.8)), tool("−", "Reduce", () => zoom(1.25)), tool("All", "Show all of it", () => fit(true))));
  let held = null;
  pane.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".tools")) held = { x: event.clientX, y: event.clientY, moved: false };
  });
  pane.addEventListener("pointermove", (event) => {
    if (!held || event.buttons === 0) return;
    const scale = box.width / pane.clientWidth;
    box.x -= (event.clientX - held.x) * scale;
    box.y -= (event.clientY - held.y) * scale;
    held = { x: event.clientX, y: event.clientY, moved: held.moved || Math.hypot(event.movementX, event.movementY) > 2 };
    set();
  });
  // What was moved was not clicked.
  pane.addEventListener("click", (event) => held?.moved && event.preventDefault(), true);
  pane.addEventListener("dragstart", (event) => event.preventDefault());
  pane.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const place = pane.getBoundingClientRect();
    const scale = box.width / pane.clientWidth;
    zoom(event.deltaY > 0 ? 1.15 : 0.87, box.x + (event.clientX - place.left) * scale, box.y + (event.clientY - place.top) * scale);
  }, { passive: false });
  requestAnimationFrame(() => fit(false));
  fit(false);
}
