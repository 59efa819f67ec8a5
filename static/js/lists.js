// Lists: ticking rows, the bulk bar, the filter forms, and where the keyboard stands.

const rowsOf = (list) => [...list.querySelectorAll("[data-row]")];
const picksOf = (list) => [...list.querySelectorAll(".pick")];

/** Show how many rows are ticked, and the bar only while there are some. */
function tell(list) {
  const picks = picksOf(list);
  const count = picks.filter((pick) => pick.checked).length;
  const bar = list.querySelector("[data-bulk]");
  if (bar) {
    bar.hidden = count === 0;
    bar.querySelector("[data-bulk-count]").textContent = String(count);
  }
  const all = list.querySelector("[data-pick-all]");
  if (all) {
    all.checked = count > 0 && count === picks.length;
    all.indeterminate = count > 0 && count < picks.length;
  }
}

function pickTo(list, pick) {
  const picks = picksOf(list);
  const from = picks.findIndex((other) => other.dataset.last);
  const to = picks.indexOf(pick);
  if (from < 0 || to < 0) return;
  for (const other of picks.slice(Math.min(from, to), Math.max(from, to) + 1)) other.checked = pick.checked;
}

function remember(list, pick) {
  for (const other of picksOf(list)) delete other.dataset.last;
  pick.dataset.last = "yes";
}

function wirePicks(list) {
  const all = list.querySelector("[data-pick-all]");
  if (all) {
    all.disabled = false;
    all.addEventListener("change", () => {
      for (const pick of picksOf(list)) pick.checked = all.checked;
      tell(list);
    });
  }
  list.addEventListener("click", (event) => {
    if (event.target.matches(".pick")) {
      if (event.shiftKey) pickTo(list, event.target);
      remember(list, event.target);
      tell(list);
    } else if (event.target.closest("[data-pick-none]")) {
      for (const pick of picksOf(list)) pick.checked = false;
      tell(list);
    }
  });
  // The browser restores ticks when one comes back; the bar has to know.
  window.addEventListener("pageshow", () => tell(list));
  tell(list);
}

// A filter's operation decides the name and the kind of its value: only the chosen one is sent.
function wireFilter(form) {
  const choose = form.querySelector("[data-operation]");
  if (!choose) return;
  const show = () => {
    for (const part of form.querySelectorAll("[data-operation-part]")) {
      const chosen = part.dataset.operationPart === choose.value;
      part.hidden = !chosen;
      part.disabled = !chosen;
    }
  };
  choose.addEventListener("change", show);
  show();
}

/** The row the keyboard stands on: the focused one, or the one it stood on last. */
export function currentRow() {
  return document.activeElement?.closest?.("[data-row]") ?? document.querySelector("[data-row].is-here");
}

/** Move to the next (1) or previous (-1) row and put the focus on its link. */
export function moveRow(step) {
  const rows = rowsOf(document);
  if (!rows.length) return false;
  const at = rows.indexOf(currentRow());
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)];
  for (const row of rows) row.classList.toggle("is-here", row === next);
  (next.querySelector("[data-main]") ?? next.querySelector("a, button"))?.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

/** Tick the current row; with `range`, all since the last one ticked. */
export function pickRow(range) {
  const row = currentRow();
  const pick = row?.querySelector(".pick");
  if (!pick) return false;
  const list = row.closest("[data-list]");
  pick.checked = range ? true : !pick.checked;
  if (range) pickTo(list, pick);
  remember(list, pick);
  tell(list);
  return true;
}

/** Tick every row of this page, where the keyboard stands in a list that can be ticked. */
export function pickPage() {
  const list = currentRow()?.closest("[data-list]");
  if (!list || !picksOf(list).length) return false;
  for (const pick of picksOf(list)) pick.checked = true;
  tell(list);
  return true;
}

/** Wire every list of the page. */
export function startLists() {
  for (const list of document.querySelectorAll("[data-list]")) wirePicks(list);
  for (const form of document.querySelectorAll("[data-filter]")) wireFilter(form);
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (row) for (const other of rowsOf(document)) other.classList.toggle("is-here", other === row);
  });
}
