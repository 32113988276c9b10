// Asks for the figures again and again; the server answers after a moment, at the end at once.
const MAX_FAILURES = 5;
const main = document.querySelector("main");

async function figures() {
  const answer = await fetch("figures" + location.search, { cache: "no-store" });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.text();
}

function sayThatItIsGone() {
  const state = main.querySelector(".state");
  state.className = "state warning";
  state.textContent = "The command has ended, or cannot be reached; these are its last figures.";
  document.title = "Ended: " + document.title;
}

async function follow() {
  let failures = 0;
  while (failures < MAX_FAILURES) {
    try {
      main.innerHTML = await figures();
      failures = 0;
    } catch {
      failures += 1;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    const state = main.querySelector(".state");
    document.title = state.dataset.title;
    if (state.dataset.ended) return;
  }
  sayThatItIsGone();
}

follow();
