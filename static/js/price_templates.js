// The rules of a price template: one empty row is enough where a button adds the next, and each can be dropped.
import { oneMore } from "./rows.js";

const holder = document.querySelector("[data-rules]");
const adder = document.querySelector("[data-add-rule]");
if (holder) start();

function start() {
  let made = holder.children.length;
  const rows = () => [...holder.querySelectorAll("[data-rule]")];
  const blank = (row) => [...row.querySelectorAll("input")].every((field) => !field.value.trim());

  function show() {
    for (const row of rows()) row.querySelector("[data-drop]").hidden = blank(row) && rows().length === 1;
  }

  function add() {
    const last = rows().at(-1);
    const row = oneMore(last, ++made);
    // Rules of one template are mostly about one option.
    for (const name of ["[name=rule_option]", "select"]) row.querySelector(name).value = last.querySelector(name).value;
    holder.append(row);
    show();
    return row;
  }

  for (const row of rows().filter(blank).slice(1)) row.remove();
  if (rows().length > 1) rows().filter(blank).forEach((row) => row.remove());
  show();
  adder.hidden = false;
  adder.addEventListener("click", () => {
    const row = rows().find(blank) ?? add();
    const option = row.querySelector("[name=rule_option]");
    (option.value ? row.querySelector("[name=rule_value]") : option).focus();
  });
  holder.addEventListener("input", show);
  holder.addEventListener("click", (event) => {
    if (!event.target.closest("[data-drop]")) return;
    const row = event.target.closest("[data-rule]");
    if (rows().length === 1) add();
    row.remove();
    row.closest("form")?.setAttribute("data-dirty", "yes");
    show();
    adder.focus();
  });
}
