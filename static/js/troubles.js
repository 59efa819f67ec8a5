// A remedy for many variants: values are asked for only where they are given, and a change after the preview takes the button
// away that would do it.
const form = document.querySelector("[data-remedy]");
const values = form?.querySelector("[data-values]");

function show() {
  if (values) values.hidden = form.elements.action.value !== "remap";
}

form?.addEventListener("input", () => {
  form.querySelector("[data-preview]")?.remove();
  form.querySelector("[data-look]").classList.add("button-main");
  show();
});
if (form) show();
