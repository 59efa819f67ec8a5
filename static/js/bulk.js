// A change of many variants: rows show only the fields that their change has; a change after the preview takes the button
// away that would do it. And the page of a running one: how far it is, until it is done.
import { oneMore } from "./rows.js";

const form = document.querySelector("[data-bulk-edit]");
if (form) startForm(form);
const waiting = document.querySelector("[data-wait]");
if (waiting) watch(waiting);

function startForm(form) {
  const holder = form.querySelector("[data-changes]");
  const adder = form.querySelector("[data-add-change]");
  const most = Number(holder.dataset.most);
  let made = holder.children.length;
  const rows = () => [...holder.querySelectorAll("[data-change]")];

  function show() {
    const all = rows();
    for (const row of all) {
      const [field, action] = row.querySelector("[data-what]").value.split(":");
      const valued = ["set", "add", "percent", undefined].includes(action);
      row.querySelector("[data-value]").hidden = !valued;
      row.querySelector("[data-rounding]").hidden = !(field?.endsWith("price") && ["add", "percent"].includes(action));
      row.querySelector("[data-drop]").hidden = all.length === 1;
    }
    adder.hidden = all.length >= most;
  }

  function outdate() {
    form.querySelector("[data-preview]")?.remove();
    form.querySelector("[data-look]").classList.add("button-main");
  }

  adder.addEventListener("click", () => {
    const row = oneMore(rows().at(-1), ++made);
    row.querySelector("[name=rounding]").value = "cent";
    holder.append(row);
    outdate();
    show();
    row.querySelector("select").focus();
  });
  holder.addEventListener("click", (event) => {
    if (!event.target.closest("[data-drop]")) return;
    event.target.closest("[data-change]").remove();
    outdate();
    show();
    adder.focus();
  });
  holder.addEventListener("input", () => {
    outdate();
    show();
  });
  show();
}

async function watch(box) {
  const label = box.querySelector("[data-wait-label]");
  const bar = box.querySelector("progress");
  const figures = new Intl.NumberFormat(document.documentElement.lang);
  for (let pause = 1000; ; pause = Math.min(pause * 1.2, 5000)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      const answer = await fetch(box.dataset.wait, { headers: { Accept: "application/json" } });
      if (!answer.ok) continue;
      const { status, done, total } = await answer.json();
      if (status !== "queued" && status !== "running") {
        location.reload();
        return;
      }
      if (total) {
        bar.max = total;
        bar.value = done;
        label.textContent = label.dataset.of.replace("{done}", figures.format(done)).replace("{total}", figures.format(total));
      }
    } catch {
      // The network is away for a moment: the next round asks again.
    }
  }
}
