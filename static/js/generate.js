// Generating variants: the count follows the ticks, the samples follow the pattern, and a change after the preview takes
// the button away that would make them.
const form = document.querySelector("[data-generate]");
if (form) start(form);

function start(form) {
  const figures = new Intl.NumberFormat(document.documentElement.lang);
  const limit = Number(form.dataset.limit);
  const sum = form.querySelector("[data-sum]");
  const axes = [...form.querySelectorAll("[data-axis]")];
  const pattern = form.elements.sku_pattern;
  let asking = null;
  let timer = 0;

  const mode = () => form.elements.mode.value;
  const boxes = (axis) => [...axis.querySelectorAll("input")];

  function count() {
    const selecting = mode() === "selected";
    const sizes = axes.map((axis) => boxes(axis).filter((box) => !selecting || box.checked).length);
    // Twelve options of ten values are more than a double counts exactly.
    const total = sizes.length ? sizes.reduce((product, size) => product * BigInt(size), 1n) : 0n;
    sum.querySelector("[data-sum-count]").textContent = figures.format(total);
    sum.querySelector("[data-sum-sizes]").textContent = `(${sizes.map((size) => figures.format(size)).join(" × ")})`;
    // What is there already does not count; only the server knows how much that is, and says so below.
    const over = selecting && total > BigInt(limit);
    sum.classList.toggle("is-over", total > BigInt(limit));
    form.querySelector("[data-over]").hidden = total <= BigInt(limit);
    form.querySelector("[data-look]").disabled = over;
    for (const axis of axes) {
      const all = boxes(axis);
      const chosen = all.filter((box) => box.checked).length;
      axis.querySelector("[data-axis-count]").textContent = selecting ? `${figures.format(chosen)} / ${figures.format(all.length)}` : "";
    }
    form.querySelector("[data-axes]").hidden = !selecting;
  }

  function outdate() {
    form.querySelector("[data-preview]")?.remove();
    form.querySelector("[data-look]").classList.add("button-main");
  }

  async function sample() {
    asking?.abort();
    asking = new AbortController();
    const data = new FormData(form);
    for (const name of ["csrf_token", "form_key", "plan"]) data.delete(name);
    if (mode() !== "selected") data.delete("value");
    const live = form.querySelector("[data-live]");
    try {
      const answer = await fetch(`${form.dataset.samples}?${new URLSearchParams(data)}`, {
        headers: { Accept: "application/json" },
        signal: asking.signal,
      });
      if (!answer.ok) return;
      tell(live, await answer.json());
    } catch {
      // Overtaken by the next keystroke, or the network is away: the button still shows it all.
    }
  }

  function tell(live, { said = "", problem = "", samples }) {
    live.hidden = false;
    live.querySelector("[data-live-said]").textContent = said;
    const complaint = live.querySelector("[data-live-problem]");
    complaint.hidden = !problem;
    complaint.querySelector("span").textContent = problem;
    live.querySelector("[data-live-samples]").replaceChildren(
      ...samples.map(({ sku, title, price }) => {
        const row = document.createElement("li");
        row.append(
          Object.assign(document.createElement("code"), { textContent: sku }),
          Object.assign(document.createElement("span"), { textContent: title, className: "sample-title" }),
          Object.assign(document.createElement("span"), { textContent: price, className: "figures" }),
        );
        return row;
      }),
    );
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(sample, 250);
  }

  function changed() {
    outdate();
    count();
    later();
  }

  form.addEventListener("input", changed);
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-all], [data-none]")) {
      for (const box of boxes(button.closest("[data-axis]"))) box.checked = button.matches("[data-all]");
      changed();
    } else if (button.matches("[data-insert]")) {
      pattern.setRangeText(button.dataset.insert, pattern.selectionStart, pattern.selectionEnd, "end");
      pattern.focus();
      changed();
    }
  });
  for (const tools of form.querySelectorAll("[data-axis-tools], [data-names]")) tools.hidden = false;
  count();
  if (!form.querySelector("[data-preview]")) sample();
}
