// Copying a block, and pasting one after it was looked at: every cell old and new, what cannot be taken with the reason.
import { join, split } from "./block.js";
import { read, shown, typed } from "./cells.js";
import { post } from "./saving.js";
import { make } from "./view.js";

const MOST_SHOWN = 300;

/** Pictures and ticks are nothing for the clipboard: a block is copied and laid as if their columns were not there. */
const isText = (column) => column !== "pick" && column !== "picture";

export class Paste {
  constructor(root, view, editor, store, setup) {
    Object.assign(this, { view, editor, store, setup, planned: [] });
    this.dialog = root.querySelector("[data-paste]");
    this.list = this.dialog.querySelector("tbody");
    this.apply = this.dialog.querySelector("[data-apply]");
    view.input.addEventListener("copy", (event) => this.copy(event));
    view.input.addEventListener("cut", (event) => this.copy(event));
    view.input.addEventListener("paste", (event) => this.paste(event));
    this.apply.addEventListener("click", () => this.take());
    this.dialog.addEventListener("close", () => editor.focus());
  }

  copy(event) {
    if (this.editor.open) return;
    const { top, bottom, left, right } = this.view.range;
    const columns = this.view.columns.slice(left, right + 1).filter(isText);
    const rows = this.store.rows.slice(top, bottom + 1);
    const text = (row, column) => {
      if (column === "label") return row.label;
      return row.state(column) === "invalid" ? row.text(column) : typed(column, row.text(column), this.setup);
    };
    event.clipboardData.setData("text/plain", join(rows.map((row) => columns.map((column) => text(row, column)))));
    event.preventDefault();
  }

  paste(event) {
    if (this.editor.open) return;
    event.preventDefault();
    const block = split(event.clipboardData.getData("text/plain"));
    const { top, bottom, left, right } = this.view.range;
    if (block.length === 1 && block[0].length === 1 && top === bottom && left === right) {
      this.store.change([{ ...this.view.cells()[0], typed: block[0][0] }].filter(({ row }) => row));
      return;
    }
    this.look(block);
  }

  /** Lay the block over the rows from the upper left corner of the range; a smaller one fills the range by repeating. */
  laid(block) {
    const { top, bottom, left, right } = this.view.range;
    const height = Math.max(block.length, Math.floor((bottom - top + 1) / block.length) * block.length);
    const wide = Math.max(...block.map((line) => line.length));
    const columns = this.view.columns.slice(left).filter(isText);
    const span = this.view.columns.slice(left, right + 1).filter(isText).length;
    const width = Math.max(wide, Math.floor(span / wide) * wide);
    const cells = [];
    let outside = 0;
    for (let down = 0; down < height; down++) {
      const line = block[down % block.length];
      for (let along = 0; along < width; along++) {
        const text = line[along % wide];
        if (text === undefined) continue;
        const row = this.store.rows[top + down];
        const field = columns[along];
        if (row && !row.gone && this.store.editable(field)) cells.push({ row, field, typed: text });
        else outside += 1;
      }
    }
    return { cells, outside };
  }

  async look(block) {
    const { cells, outside } = this.laid(block);
    this.outside = outside;
    this.planned = cells.map((cell) => {
      const found = read(cell.field, cell.typed, this.setup);
      const same = !found.code && found.text === cell.row.text(cell.field);
      return { ...cell, text: found.text, same, refused: found.code ? this.setup.sentence(found) : "" };
    });
    this.apply.disabled = true;
    this.show();
    this.dialog.showModal();
    await this.ask();
    this.show();
    this.apply.disabled = !this.taken.length;
    if (this.dialog.open) (this.apply.disabled ? this.dialog.querySelector(".dialog-foot [data-close]") : this.apply).focus();
  }

  get taken() {
    return this.planned.filter((cell) => !cell.refused && !cell.same);
  }

  /** The server makes the same plan that saving would make, with what else is unsaved. */
  async ask() {
    const rows = new Map();
    const line = (row) => rows.get(row.id) ?? rows.set(row.id, { id: row.id, version: row.version, ...this.store.cellsOf(row) }).get(row.id);
    for (const cell of this.taken) line(cell.row)[cell.field] = { text: cell.text, seen: cell.row.drafts.get(cell.field)?.seen ?? cell.row.base[cell.field] };
    for (const row of this.store.dirty) if (rows.size < this.setup.most && Object.keys(this.store.cellsOf(row)).length) line(row);
    if (!rows.size || rows.size > this.setup.most) return;
    const asked = this.planned;
    const answer = await post(this.setup.check, JSON.stringify({ rows: [...rows.values()] }), this.setup.token);
    if (!answer.data || asked !== this.planned) return;
    const problems = new Map(answer.data.rows.map((row) => [row.id, row.problems]));
    for (const cell of this.taken) {
      const problem = problems.get(cell.row.id)?.[cell.field];
      if (problem) cell.refused = problem.message;
    }
  }

  show() {
    const { words } = this.setup;
    const refused = this.planned.filter((cell) => cell.refused);
    const rest = this.planned.filter((cell) => !cell.refused);
    this.dialog.querySelector("[data-sum]").textContent = [
      `${words.cells_change}: ${this.taken.length}`,
      `${words.cells_same}: ${rest.length - this.taken.length}`,
      refused.length ? `${words.cells_refused}: ${refused.length}` : "",
      this.outside ? `${words.cells_outside}: ${this.outside}` : "",
    ].filter(Boolean).join(" · ");
    const listed = [...refused, ...this.taken];
    this.list.replaceChildren(...listed.slice(0, MOST_SHOWN).map((cell) => this.line(cell)));
    const more = this.dialog.querySelector("[data-rest]");
    more.hidden = listed.length <= MOST_SHOWN;
    more.textContent = `${words.cells_more}: ${listed.length - MOST_SHOWN}`;
  }

  line({ row, field, typed: text, text: canonical, refused }) {
    const word = (value) => (field === "status" && value ? this.setup.words[value] ?? value : shown(field, value, this.setup)) || "—";
    const line = make("tr", refused ? "is-refused" : "");
    const name = make("td", "", row.text("sku"));
    if (row.label) name.append(make("small", "", row.label));
    const old = make("td", "", row.state(field) === "invalid" ? row.text(field) : word(row.text(field)));
    const fresh = make("td", "", refused ? text || "—" : word(canonical));
    if (refused) fresh.append(make("small", "trouble", refused));
    line.append(name, make("td", "", this.setup.columns[field]), old, fresh);
    return line;
  }

  take() {
    const cells = this.taken.map(({ row, field, text }) => ({ row, field, text }));
    this.dialog.close();
    this.store.change(cells);
  }
}
