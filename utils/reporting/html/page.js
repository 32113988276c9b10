// Unpacks the chart library, draws the charts, and draws them anew when the colours change.
"use strict";

const figures = JSON.parse(document.getElementById("figures").textContent);

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

function draw() {
  const colours = getComputedStyle(document.documentElement);
  const byTouch = matchMedia("(pointer: coarse)").matches;
  const options = { responsive: true, displayModeBar: false };
  for (const { id, data, layout } of figures) {
    const place = document.getElementById(id);
    const shownLayout = coloured(layout, colours);
    if (byTouch) shownLayout.dragmode = false; // a finger scrolls the page
    const shownData = data.map((trace) => coloured(trace, colours));
    Plotly.react(place, shownData, shownLayout, options);
  }
}

loadLibrary().then(() => {
  draw();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", draw);
  }
}).catch((error) => {
  console.error(error);
  document.getElementById("no-charts").hidden = false;
  for (const place of document.querySelectorAll(".plot")) place.hidden = true;
  for (const table of document.querySelectorAll("figure details")) table.open = true;
});
