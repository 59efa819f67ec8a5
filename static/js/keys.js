// The keyboard. Single letters work only while no field has the focus and no dialog is open, and can be switched off.
// A page adds its own with data-key="1" on any button or link: the key presses what can be seen.
import { focusFinder } from "./finder.js";
import { currentRow, moveRow, pickPage, pickRow } from "./lists.js";

const WAIT_FOR_LETTER = 1200;
let leader = 0;

const typing = (element) =>
  element?.closest?.("input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable=true], [role=grid]");

function openHelp() {
  const help = document.getElementById("keys-help");
  if (!help) return false;
  help.showModal();
  return true;
}

// In a list a key means the row where the keyboard stands; before it stands anywhere, the first row that has such a button.
function press(selector) {
  const can = (element) => !element.disabled && element.checkVisibility();
  const row = currentRow();
  const target = [...(row?.querySelectorAll(selector) ?? []), ...document.querySelectorAll(selector)].find(can);
  if (!target || (row && target.closest("[data-row]") && !row.contains(target))) return false;
  target.click();
  if (target.matches("summary") && target.parentElement.open) {
    [...target.parentElement.querySelectorAll(".menu-panel :is(a, button)")].find(can)?.focus();
  }
  return true;
}

function goTo(letter) {
  const link = [...document.querySelectorAll("[data-go]")].find((element) => element.dataset.go === letter);
  if (!link) return false;
  location.assign(link.href);
  return true;
}

function back() {
  return press(".page-back, [data-back]");
}

function single(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (leader && Date.now() - leader < WAIT_FOR_LETTER) {
    leader = 0;
    return goTo(key);
  }
  leader = 0;
  switch (key) {
    case "/":
      return focusFinder();
    case "?":
      return openHelp();
    case "g":
      leader = Date.now();
      return true;
    case "j":
      return moveRow(1);
    case "k":
      return moveRow(-1);
    case "x":
      return pickRow(event.shiftKey);
    case "e":
      return press("[data-key='e'], [data-edit]");
    default:
      return key.length === 1 && press(`[data-key="${CSS.escape(key)}"]`);
  }
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    if (focusFinder()) event.preventDefault();
    return;
  }
  if (document.querySelector("dialog[open]") || typing(document.activeElement)) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
    if (pickPage()) event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inRow = document.activeElement?.closest?.("[data-row]");
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && inRow) {
    if (moveRow(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
    return;
  }
  if (event.key === "Escape") {
    back();
    return;
  }
  if (document.documentElement.dataset.keys === "off") return;
  if (single(event)) event.preventDefault();
}

/** Listen. */
export function startKeys() {
  document.addEventListener("keydown", onKey);
}
