// The one field of the grid. It lies over the active cell and has the focus all the time, unseen until something is typed:
// every key, dead key and input method therefore writes into a real field from the first stroke on, and nothing that
// happens around it (an answer of the server, a redrawn row) ever writes into it.
import { FIGURES, typed } from "./cells.js";

export class Editor extends EventTarget {
  constructor(view, store, setup) {
    super();
    Object.assign(this, { view, store, setup, composing: false });
    this.input = view.input;
    this.input.addEventListener("compositionstart", () => {
      this.composing = true;
      this.begin("typing");
    });
    this.input.addEventListener("compositionend", () => {
      this.composing = false;
    });
    this.input.addEventListener("input", () => this.begin("typing"));
    this.input.addEventListener("blur", () => this.commit());
    this.input.addEventListener("focus", () => view.scroller.classList.add("has-focus"));
    this.input.addEventListener("blur", () => view.scroller.classList.remove("has-focus"));
    this.ready();
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  get open() {
    return this.store.open;
  }

  set open(cell) {
    this.store.open = cell;
  }

  /** Whether what is typed now would be lost with the page. */
  get unsaved() {
    return this.open !== null && this.input.value !== this.open.before;
  }

  /** Get the field ready for the active cell: a cell that cannot be written takes no typing. */
  ready() {
    const { row, field } = this.view;
    const can = row !== null && !row.gone && this.store.editable(field);
    this.input.readOnly = !can;
    this.input.inputMode = matchMedia("(pointer: coarse)").matches ? "none" : "text";
    this.input.value = "";
    this.input.classList.remove("is-open");
    this.input.classList.toggle("is-figure", FIGURES.has(field));
    const head = this.view.heads[this.view.active.column];
    this.input.setAttribute("aria-label", head?.textContent.trim() ?? "");
  }

  /** Open the active cell. "typing": what is in the field already is its new text; "old": its text, to be corrected. */
  begin(how) {
    if (this.open || this.input.readOnly || !this.view.row) return false;
    const { row, field } = this.view;
    const draft = row.drafts.get(field);
    const before = draft?.bad ? draft.typed : typed(field, field === "status" ? this.view.textOf(row, field) : row.text(field), this.setup);
    this.open = { row, field, how, before, seen: row.base[field] };
    if (how === "old") {
      this.input.value = before;
      this.input.setSelectionRange(before.length, before.length);
    }
    this.input.inputMode = { price: "decimal", compare_at_price: "decimal", stock: "numeric", ean: "numeric" }[field] ?? "text";
    this.view.reveal();
    this.view.place();
    this.input.classList.add("is-open");
    this.dispatchEvent(new Event("opened"));
    return true;
  }

  /** Keep what was typed. Returns the cell, if anything of it changed. */
  commit() {
    if (!this.open) return null;
    const { row, field, how, before, seen } = this.open;
    const text = this.input.value;
    this.open = null;
    this.ready();
    this.dispatchEvent(new Event("closed"));
    if (how === "old" && text === before) return null;
    return this.store.change([{ row, field, typed: text, seen }]) ? { row, field } : null;
  }

  /** Forget what was typed. */
  cancel() {
    if (!this.open) return false;
    this.open = null;
    this.ready();
    this.dispatchEvent(new Event("closed"));
    return true;
  }
}
