// The rules of a price template: one empty row is enough where a button adds the next, and each can be dropped.
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
    const row = last.cloneNode(true);
    const n = ++made;
    for (const field of row.querySelectorAll("input")) {
      // Rules of one template are mostly about one option.
      field.value = field.name === "rule_option" ? last.querySelector("[name=rule_option]").value : "";
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
    row.querySelector("select").value = last.querySelector("select").value;
    for (const said of row.querySelectorAll(".field-error")) said.remove();
    for (const element of row.querySelectorAll("[id]")) element.id = element.id.replace(/\d+$/, n);
    for (const label of row.querySelectorAll("label")) label.htmlFor = label.htmlFor.replace(/\d+$/, n);
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
