// A combination that is still free fills the drop-downs; what else was typed stays. Without this it is a link that does so.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-choose]");
  const form = link?.closest("form");
  if (!form || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  for (const [name, value] of Object.entries(JSON.parse(link.dataset.choose))) {
    const list = form.elements[name];
    list.value = String(value);
    list.dispatchEvent(new Event("input", { bubbles: true }));
  }
  form.querySelector("select")?.focus();
});
