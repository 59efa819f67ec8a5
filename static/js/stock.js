// Correcting stock: typing a figure chooses its way, and the line below says what the stock becomes.
const form = document.querySelector("form[data-stock]");

if (form) {
  const there = Number(form.dataset.stock);
  const said = form.querySelector("[data-becomes]");
  const way = (name) => form.querySelector(`[name=how][value=${name}]`);

  const tell = () => {
    const typed = form.elements[way("delta").checked ? "delta" : "counted"].value.trim().replace("−", "-");
    const figure = /^[+-]?\d{1,10}$/.test(typed) ? Number(typed) : NaN;
    const becomes = way("delta").checked ? there + figure : figure;
    said.hidden = Number.isNaN(becomes);
    said.textContent = said.dataset.text.replace("%s", becomes.toLocaleString(document.documentElement.lang));
  };

  form.addEventListener("input", (event) => {
    if (event.target.name === "delta") way("delta").checked = true;
    if (event.target.name === "counted") way("count").checked = true;
    tell();
  });
  tell();
}
