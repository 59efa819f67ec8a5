// Watching an import: asks how far it is, and shows the whole page again when it has ended. Without this module a link
// does the same.
const PAUSE = 1000;
const LONGEST_PAUSE = 8000;

function watch(box) {
  const said = box.querySelector("[data-said]");
  const bar = box.querySelector("progress");
  let pause = PAUSE;

  async function ask() {
    try {
      const answer = await fetch(box.dataset.watch, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      pause = PAUSE;
      if (state.ended) {
        location.reload();
        return;
      }
      said.textContent = state.said;
      if (state.status === "running") bar.value = state.progress;
      else bar.removeAttribute("value");
    } catch {
      // The server may be away for a moment: asked again, less often.
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
    setTimeout(ask, pause);
  }
  setTimeout(ask, PAUSE);
}

for (const box of document.querySelectorAll("[data-watch]")) watch(box);
