// One row as a form, for narrow screens: the same cells, drafts and answers as in the grid.
import { typed } from "./cells.js";
import { trouble } from "./note.js";

export class Cards {
  constructor(root, view, store, saver, setup) {
    Object.assign(this, { view, store, saver, setup, row: null });
    this.dialog = root.querySelector("[data-card]");
    this.form = this.dialog.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    for (const [name, step] of [["previous", -1], ["next", 1]]) {
      this.dialog.querySelector(`[data-${name}]`).addEventListener("click", () => this.step(step));
    }
    this.dialog.addEventListener("close", () => {
      this.keep();
      this.row = null;
    });
    store.addEventListener("changed", ({ detail }) => {
      if (this.row && (!detail || detail.has(this.row))) this.tell();
    });
  }

  fields() {
    return [...this.form.elements].filter((element) => element.name);
  }

  open(row) {
    this.row = row;
    this.dialog.querySelector("h2").textContent = row.label || row.text("sku");
    for (const element of this.fields()) {
      element.value = this.textOf(element.name);
      element.disabled = !this.store.editable(element.name) || row.gone;
      element.dataset.before = element.value;
    }
    this.tell();
    if (!this.dialog.open) this.dialog.showModal();
  }

  textOf(field) {
    const draft = this.row.drafts.get(field);
    return draft?.bad ? draft.typed : typed(field, this.row.text(field), this.setup);
  }

  /** What was typed becomes drafts, as one step. */
  keep() {
    if (!this.row) return;
    const cells = this.fields()
      .filter((element) => !element.disabled && element.value !== element.dataset.before)
      .map((element) => ({ row: this.row, field: element.name, typed: element.value }));
    for (const element of this.fields()) element.dataset.before = element.value;
    this.store.change(cells);
  }

  async save() {
    const { row } = this;
    this.keep();
    if (this.store.ready([row]).length) await this.saver.save([row]);
    if (this.row === row && !row.drafts.size) this.dialog.close();
    else this.dialog.querySelector("[aria-invalid=true]")?.focus();
  }

  step(by) {
    this.keep();
    const at = this.store.rows.indexOf(this.row) + by;
    const row = this.store.rows[at];
    if (!row) return;
    this.view.go(at, this.view.active.column);
    this.open(row);
  }

  /** What is wrong, below each field. What is being typed stays as it is. */
  tell() {
    const at = this.store.rows.indexOf(this.row);
    this.dialog.querySelector("[data-previous]").disabled = at <= 0;
    this.dialog.querySelector("[data-next]").disabled = at + 1 >= this.store.rows.length;
    for (const element of this.fields()) {
      const field = element.name;
      if (element.value === element.dataset.before && element !== document.activeElement) {
        element.value = this.textOf(field);
        element.dataset.before = element.value;
      }
      const state = this.row.state(field);
      const said = this.form.querySelector(`[data-said="${field}"]`);
      const wrong = ["invalid", "refused", "conflict"].includes(state);
      element.setAttribute("aria-invalid", String(wrong));
      said.replaceChildren(...(wrong ? trouble(this.store, this.setup, this.row, field, () => this.again(element)) : []));
    }
  }

  again(element) {
    element.value = this.textOf(element.name);
    element.dataset.before = element.value;
    element.focus();
  }
}
