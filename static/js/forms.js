// Forms: sent once, saved by Ctrl Enter, not left by accident; errors get the focus; copying and file drops.
import { toast } from "./toasts.js";

function sendOnce(event) {
  const form = event.target;
  if (form.method === "dialog" || form.method === "get" || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.dataset.dirty = "";
  // Disabled now, the button would not send its own value along.
  if (event.submitter) requestAnimationFrame(() => event.submitter.setAttribute("aria-busy", "true"));
}

function onKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target.form ?? document.querySelector("form[data-guard]");
  const save = form?.querySelector("[data-save]") ?? form?.querySelector("[type=submit]");
  if (save) {
    event.preventDefault();
    form.requestSubmit(save);
  }
}

async function copy(event) {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    toast(button.dataset.copied);
  } catch {
    // Over plain HTTP there is no clipboard: the text is selected, and the person's own keys copy it.
    const code = button.parentElement.querySelector("code");
    if (code) getSelection().selectAllChildren(code);
  }
}

function wireDrop(drop) {
  const input = drop.querySelector("input[type=file]");
  const over = (event) => {
    event.preventDefault();
    drop.classList.toggle("is-over", event.type === "dragover");
  };
  drop.addEventListener("dragover", over);
  drop.addEventListener("dragleave", over);
  drop.addEventListener("drop", (event) => {
    over(event);
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

/** Wire every form of the page. */
export function startForms() {
  document.addEventListener("submit", sendOnce);
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", copy);
  // Back from the browser's memory: what was sent may be sent again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[aria-busy=true]")) button.removeAttribute("aria-busy");
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-guard]");
    if (form) form.dataset.dirty = "yes";
  });
  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-guard][data-dirty=yes]")) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });
  for (const drop of document.querySelectorAll(".drop")) wireDrop(drop);
  document.querySelector("[data-focus]")?.focus();
}
