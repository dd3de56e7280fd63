// Plots over time.

import uPlot from "/vendor/uPlot.esm.js";
import { ask, counted, h, number } from "./base.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Returns a plot of how many events came when, and draws it once it stands in the page. */
export function ratePlot(parameters, past, signal, title, onspan) {
  const place = h("div", { class: "plot", role: "img", "aria-label": title });
  const note = h("p", { class: "quiet note" });
  const figure = h("figure", {}, place, h("figcaption", {}, note));
  const shown = async () => {
    const width = Math.max(place.clientWidth, 320);
    const buckets = Math.min(Math.floor(width / 5), 240);
    const rate = await ask("rate", { ...parameters, ...past, buckets }, signal);
    if (rate.times.length === 0) {
      note.textContent = "No events yet.";
      return;
    }
    const all = rate.counts.reduce((sum, count) => sum + count, 0);
    const each = rate.seconds < 1 ? `${Number((rate.seconds * 1000).toPrecision(3))} ms` : `${Number(rate.seconds.toPrecision(3))} s`;
    note.textContent = `${counted(all, "event")}; each bar is ${each}. ${onspan ? "Drag over bars to see their events." : ""}`;
    place.setAttribute("aria-label", `${title}: ${counted(all, "event")} in bars of ${each}, ${number(Math.max(...rate.counts))} in the highest`);
    draw(place, rate, width, onspan);
  };
  return { figure, shown };
}

function draw(place, rate, width, onspan) {
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const options = {
    width, height: 170, legend: { show: false }, padding: [8, 8, 0, 0],
    cursor: { points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { range: () => [rate.times[0] - rate.seconds / 2, rate.times.at(-1) + rate.seconds * 1.5] }, y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
    axes: [axis, { ...axis, size: 56, values: (_, values) => values.map((value) => (Number.isInteger(value) ? number(value) : "")) }],
    series: [{}, { fill: colour("--accent"), stroke: colour("--accent"), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.9, 40], align: 1 }) }],
    hooks: { setSelect: [(plot) => {
      if (!onspan || plot.select.width < 2) return;
      const since = plot.posToVal(plot.select.left, "x");
      const until = plot.posToVal(plot.select.left + plot.select.width, "x");
      onspan(new Date(since * 1000).toISOString(), new Date(until * 1000).toISOString());
    }] },
  };
  const plot = new uPlot(options, [rate.times, rate.counts], place);
  plot.root.setAttribute("aria-hidden", "true");
}
