// Unpacks the chart library, draws the charts when they are seen, and anew when colours change.
"use strict";

const figures = JSON.parse(document.getElementById("figures").textContent);
const drawn = new Set();

async function loadLibrary() {
  const packed = atob(document.getElementById("library").textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  script.remove(); // it has run; a page that is saved again need not hold it twice
}

// Puts colours in the place of the names of custom properties; nothing else is looked at, so
// text that happens to read like such a name stays what it is.
function coloured(value, colours, key = "") {
  if (key === "colorscale") {
    return value.map(([at, name]) => [at, coloured(name, colours, "color")]);
  }
  if (Array.isArray(value)) {
    return key === "" ? value.map((entry) => coloured(entry, colours)) : value;
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([name, entry]) => [name, coloured(entry, colours, name)]),
    );
  }
  const isColour = typeof value === "string" && key.endsWith("color");
  return isColour ? colours.getPropertyValue(value).trim() : value;
}

function draw(figure) {
  const colours = getComputedStyle(document.documentElement);
  const { id, data, layout } = figure;
  const shownLayout = coloured(layout, colours);
  if (matchMedia("(pointer: coarse)").matches) {
    shownLayout.dragmode = false; // a finger scrolls the page
  }
  const shownData = data.map((trace) => coloured(trace, colours));
  drawn.add(figure);
  const options = { responsive: true, displayModeBar: false };
  Plotly.react(document.getElementById(id), shownData, shownLayout, options);
}

const isFolded = ({ id }) => document.getElementById(id).closest("details:not([open])") !== null;

function drawSeen() {
  for (const figure of figures) {
    if (!drawn.has(figure) && !isFolded(figure)) draw(figure);
  }
}

let openedForPrint = [];

function openScenarios() {
  openedForPrint = [...document.querySelectorAll(".scenario:not([open])")];
  for (const fold of openedForPrint) fold.open = true;
  drawSeen();
}

function closeAgain() {
  for (const fold of openedForPrint) fold.open = false;
}

loadLibrary().then(() => {
  drawSeen();
  document.addEventListener("toggle", drawSeen, true);
  addEventListener("beforeprint", openScenarios);
  addEventListener("afterprint", closeAgain);
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => [...drawn].forEach(draw));
  }
}).catch((error) => {
  console.error(error);
  document.getElementById("no-charts").hidden = false;
  for (const place of document.querySelectorAll(".plot")) place.hidden = true;
  for (const table of document.querySelectorAll("figure details")) table.open = true;
});

// A link to what is folded opens it.
function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

// Marks in the contents what is being read.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) seen.add(target.id);
    else seen.delete(target.id);
  }
  const current = [...links.keys()].find((id) => seen.has(id));
  for (const [id, link] of links) {
    if (id === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}, { rootMargin: "0px 0px -60% 0px" });
for (const part of document.querySelectorAll("section[id], details[id]")) watcher.observe(part);

// Copies the command.
const button = document.getElementById("copy");
const command = document.getElementById("command");
button.hidden = false;
button.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(command.textContent);
  } catch { // where the browser does not allow it
    getSelection().selectAllChildren(command);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});
