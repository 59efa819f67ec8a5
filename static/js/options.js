// The options of a product: rows are added, moved and dropped with buttons. Saving is only possible for what was shown:
// a change after the preview hides the button that would save it.
import { oneMore } from "./rows.js";

const form = document.querySelector("[data-options]");
const holder = form.querySelector("[data-option-rows]");
let made = holder.children.length;

const rows = () => [...holder.querySelectorAll("[data-option-row]")];
const blank = (row) => [...row.querySelectorAll("input, textarea")].every((field) => !field.value.trim());

function outdate() {
  form.querySelector("[data-preview]")?.remove();
  form.querySelector("[data-look]").classList.add("button-main");
}

function show() {
  const all = rows();
  for (const [at, row] of all.entries()) {
    row.querySelector("[data-tools]").hidden = blank(row);
    row.querySelector("[data-up]").disabled = at === 0;
    row.querySelector("[data-down]").disabled = at === all.length - 1;
  }
}

function add() {
  const row = oneMore(rows().at(-1), ++made);
  holder.append(row);
  show();
  return row;
}

// One empty row is enough where a button adds the next.
for (const row of rows().filter(blank).slice(1)) row.remove();
show();
const adder = form.querySelector("[data-add-option]");
adder.hidden = false;
adder.addEventListener("click", () => {
  const free = rows().find(blank) ?? add();
  free.querySelector("input").focus();
});
holder.addEventListener("input", () => {
  outdate();
  show();
});
holder.addEventListener("click", (event) => {
  const row = event.target.closest("[data-option-row]");
  const button = event.target.closest("button");
  if (!row || !button) return;
  if (button.matches("[data-up]") && row.previousElementSibling) row.previousElementSibling.before(row);
  else if (button.matches("[data-down]") && row.nextElementSibling) row.nextElementSibling.after(row);
  else if (button.matches("[data-drop]")) {
    if (rows().length === 1) add();
    row.remove();
  }
  form.dataset.dirty = "yes";
  outdate();
  show();
  (row.isConnected ? button : adder).focus();
});
