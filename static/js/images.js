// Pictures: several at once by choosing or dropping, order by dragging or by the buttons, nothing of the page is lost.
// Each form is sent in the background; the card of the page that comes back takes the place of the old list.
import { toast } from "./toasts.js";

const card = document.querySelector("[data-images]");
const list = card.querySelector("[data-images-list]");
const said = card.querySelector("[data-images-said]");
const state = card.querySelector("[data-upload-state]");

/** A key of its own for each sending, as the server makes them. */
function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What was typed and not sent yet, and where the person is: both outlive the exchange of the list. */
function remember(sent) {
  const focus = document.activeElement;
  const typed = [...list.querySelectorAll("input[id]")].filter((field) => field.value !== field.defaultValue && field.form !== sent);
  return { focus: list.contains(focus) ? focus.id : "", typed: typed.map((field) => [field.id, field.value]) };
}

function restore({ focus, typed }) {
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  if (!focus) return;
  let target = document.getElementById(focus);
  // At the end of the row the button that was pressed is off; its neighbour stays under the finger.
  if (target?.disabled) target = target.parentElement.querySelector("button:not(:disabled)");
  (target ?? card.querySelector("input[type=file]"))?.focus();
}

function tell(page) {
  for (const flash of page.querySelectorAll("#flashes .flash")) {
    if (flash.matches("[data-toast]")) toast(...flash.childNodes);
    else said.append(document.importNode(flash, true));
  }
}

/** Send a form and take the answer's list; false when it could not be sent. */
async function send(form, data) {
  const before = remember(form);
  let page;
  try {
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "text/html" } });
    if (answer.status >= 500) return false;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return false;
  }
  tell(page);
  const fresh = page.querySelector("[data-images-list]");
  if (!fresh) return page.querySelector("#flashes .flash") !== null;
  list.replaceChildren(...document.importNode(fresh, true).childNodes);
  for (const button of list.querySelectorAll("button[data-confirm]:disabled")) button.disabled = false;
  restore(before);
  return true;
}

function complain(pattern, name) {
  const line = document.createElement("p");
  line.className = "field-error";
  line.textContent = pattern.replace("%(name)s", name);
  said.append(line);
}

async function upload(form) {
  const files = [...form.elements.file.files];
  said.replaceChildren();
  form.elements.file.disabled = true;
  for (const file of files) {
    state.textContent = card.dataset.working.replace("%(name)s", file.name);
    const data = new FormData();
    for (const name of ["csrf_token", "form_key"]) data.set(name, form.elements[name].value);
    data.set("form_key", freshKey());
    data.set("file", file);
    if (!(await send(form, data))) complain(card.dataset.failed, file.name);
  }
  state.textContent = "";
  form.elements.file.disabled = false;
  form.elements.file.value = "";
}

async function submit(event) {
  const form = event.target;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  said.replaceChildren();
  if (!(await send(form, data))) complain(card.dataset.failed, form.querySelector("label")?.textContent ?? "");
}

// --- dragging ---

let held = null;

function lift(event) {
  held = event.target.closest?.("[data-image]");
  if (!held) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", held.dataset.image);
  held.classList.add("is-held");
}

function over(event) {
  const target = event.target.closest?.("[data-image]");
  if (!held || !target) return;
  event.preventDefault();
  mark(target === held ? null : target);
}

function mark(target) {
  for (const other of list.querySelectorAll(".is-target")) other.classList.remove("is-target");
  target?.classList.add("is-target");
}

async function drop(event) {
  const target = event.target.closest?.("[data-image]");
  if (!held || !target) return;
  event.preventDefault();
  const form = held.querySelector("[data-move]");
  if (target !== held) {
    const data = new FormData(form);
    data.set("to", target.dataset.place);
    await send(form, data);
  }
}

function letGo() {
  held?.classList.remove("is-held");
  held = null;
  mark(null);
}

card.addEventListener("submit", submit);
card.addEventListener("change", (event) => {
  const form = event.target.closest("[data-upload]");
  if (form && event.target.files?.length) upload(form);
});
list.addEventListener("dragstart", lift);
list.addEventListener("dragover", over);
list.addEventListener("drop", drop);
list.addEventListener("dragend", letGo);
