// One more row of a form: a copy of another, empty, its ids numbered on, and without what was said about the other.
export function oneMore(row, number) {
  const copy = row.cloneNode(true);
  for (const field of copy.querySelectorAll("input, select, textarea")) {
    field.value = "";
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  for (const said of copy.querySelectorAll(".field-error")) said.remove();
  for (const element of copy.querySelectorAll("[id]")) element.id = element.id.replace(/\d+$/, number);
  for (const label of copy.querySelectorAll("label")) label.htmlFor = label.htmlFor.replace(/\d+$/, number);
  return copy;
}
