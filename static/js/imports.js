// Watching an import: asks how far it is, and shows the whole page again when it has ended. Without this module a link
// does the same.
const PAUSE = 1000;
const LONGEST_PAUSE = 8000;

function watch(box) {
  const said = box.querySelector("[data-said]");
  const bar = box.querySelector("progress");
  let pause = PAUSE;
  let status = box.dataset.status;

  // The word beside the file's name, as the server says it.
  async function renew() {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const badge = page.querySelector(".page-head .badge");
    if (badge) document.querySelector(".page-head .badge")?.replaceWith(badge);
  }

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
      if (state.status !== status) {
        status = state.status;
        await renew();
      }
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

// Uploading: a file may be dropped anywhere on its box, and a large one shows how much of it has arrived. Without this
// module the form is sent as it is.
function upload(form) {
  const box = form.querySelector(".drop");
  const input = form.querySelector("input[type=file]");
  for (const kind of ["dragenter", "dragover"]) {
    box.addEventListener(kind, (event) => {
      event.preventDefault();
      box.classList.add("is-over");
    });
  }
  for (const kind of ["dragleave", "drop"]) box.addEventListener(kind, () => box.classList.remove("is-over"));
  box.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  form.addEventListener("submit", (event) => {
    if (!input.files.length || input.files[0].size < 2 ** 20) return;
    event.preventDefault();
    const bar = form.querySelector("[data-arrived]");
    const request = new XMLHttpRequest();
    bar.hidden = false;
    request.upload.addEventListener("progress", (sent) => {
      if (sent.lengthComputable) bar.value = sent.loaded / sent.total;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) {
        location.assign(request.responseURL);
        return;
      }
      const answer = new DOMParser().parseFromString(request.responseText, "text/html");
      document.querySelector("main").replaceWith(answer.querySelector("main"));
      for (const again of document.querySelectorAll("form[data-upload]")) upload(again);
    });
    request.addEventListener("error", () => {
      bar.hidden = true;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    });
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) upload(form);
