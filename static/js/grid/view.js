// What is seen of the grid: only the rows in the window exist. Rows stand at fixed heights, so where a row is follows from
// its number and nothing is measured while scrolling.
import { FIGURES, shown } from "./cells.js";

const OVERSCAN = 8;
export const ICONS = { changed: "edit", invalid: "warning", waiting: "clock", saved: "check", refused: "error", conflict: "users" };

export function make(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

export function icon(setup, name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${setup.icons}#${name}`);
  drawing.append(use);
  return drawing;
}

export class View {
  constructor(root, store, setup) {
    this.store = store;
    this.setup = setup;
    this.scroller = root.querySelector("[data-scroll]");
    this.grid = root.querySelector("[role=grid]");
    this.body = root.querySelector("[data-body]");
    this.input = root.querySelector("[data-editor]");
    this.heads = [...root.querySelectorAll("[role=columnheader]")];
    this.columns = this.heads.map((head) => head.dataset.column);
    this.height = matchMedia("(pointer: coarse)").matches ? 44 : 36;
    this.made = new Map();
    this.active = { at: 0, column: this.columns.indexOf("sku") };
    this.anchor = { ...this.active };
    this.queued = false;
    root.style.setProperty("--grid-row", `${this.height}px`);
    this.scroller.addEventListener("scroll", () => this.queue(), { passive: true });
    new ResizeObserver(() => {
      this.measure();
      this.queue();
    }).observe(this.scroller);
    this.measure();
    store.addEventListener("changed", () => this.queue());
  }

  queue() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.draw();
    });
  }

  get row() {
    return this.store.rows[this.active.at] ?? null;
  }

  get field() {
    return this.columns[this.active.column];
  }

  get range() {
    const { active, anchor } = this;
    return {
      top: Math.min(active.at, anchor.at), bottom: Math.max(active.at, anchor.at),
      left: Math.min(active.column, anchor.column), right: Math.max(active.column, anchor.column),
    };
  }

  /** The cells of the range that can be written, row by row. */
  cells(range = this.range) {
    const fields = this.columns.slice(range.left, range.right + 1).filter((field) => this.store.editable(field));
    return this.store.rows.slice(range.top, range.bottom + 1).flatMap((row) => fields.map((field) => ({ row, field })));
  }

  /** Go to a cell; with `extend` the range grows from where it began. */
  go(at, column, extend = false) {
    const last = this.store.rows.length - 1;
    this.active = { at: Math.max(0, Math.min(at, last)), column: Math.max(0, Math.min(column, this.columns.length - 1)) };
    if (!extend) this.anchor = { ...this.active };
    this.reveal();
    this.draw();
  }

  reveal() {
    const { scroller } = this;
    const { scrollTop, scrollLeft } = scroller;
    const top = this.active.at * this.height;
    const room = this.room - this.headHeight;
    if (top < scrollTop) scroller.scrollTop = top;
    else if (top + this.height > scrollTop + room) scroller.scrollTop = top + this.height - room;
    const { left, width, stays } = this.places[this.active.column];
    if (stays) return;
    if (left - this.frozen < scrollLeft) scroller.scrollLeft = left - this.frozen;
    else if (left + width - this.span > scrollLeft) scroller.scrollLeft = left + width - this.span;
  }

  draw() {
    const { rows } = this.store;
    if (this.active.at >= rows.length) {
      this.active.at = Math.max(0, rows.length - 1);
      this.anchor = { ...this.active };
    }
    const { scrollTop } = this.scroller;
    if (this.tall !== rows.length) {
      this.tall = rows.length;
      this.body.style.height = `${rows.length * this.height}px`;
      this.grid.setAttribute("aria-rowcount", String(rows.length + 1));
    }
    const first = Math.max(0, Math.floor(scrollTop / this.height) - OVERSCAN);
    // Always as many: a row that is made and dropped at every other step costs more than one row too many.
    const last = Math.min(rows.length, first + Math.ceil(this.room / this.height) + 2 * OVERSCAN + 1);
    const wanted = new Map();
    for (let at = first; at < last; at++) wanted.set(rows[at].id, at);
    // The one the keyboard stands on exists always: it is what `aria-activedescendant` names.
    if (rows.length) wanted.set(rows[this.active.at].id, this.active.at);
    const free = [];
    for (const [id, element] of this.made) {
      if (wanted.has(id)) continue;
      free.push(element);
      this.made.delete(id);
    }
    for (const [id, at] of wanted) {
      let element = this.made.get(id);
      if (!element) {
        element = free.pop() ?? this.makeRow();
        this.made.set(id, element);
        if (!element.isConnected) this.body.append(element);
      }
      this.fill(element, rows[at], at);
    }
    for (const element of free) element.remove();
    this.place();
  }

  makeRow() {
    const element = make("div", "grid-line");
    element.setAttribute("role", "row");
    element.drawn = [];
    this.columns.forEach((column, at) => {
      const cell = make("div", `grid-cell grid-${column}`);
      cell.setAttribute("role", column === "label" ? "rowheader" : "gridcell");
      cell.setAttribute("aria-colindex", String(at + 1));
      if (this.heads[at].dataset.sticky !== undefined) cell.classList.add("is-sticky");
      if (FIGURES.has(column)) cell.classList.add("is-figure");
      if (!["label", "pick", "picture"].includes(column) && !this.store.editable(column)) cell.setAttribute("aria-readonly", "true");
      cell.dataset.at = String(at);
      cell.plain = cell.className;
      element.append(cell);
    });
    return element;
  }

  fill(element, row, at) {
    const { range, active } = this;
    if (element.at !== at || element.row !== row) {
      element.at = at;
      element.row = row;
      element.style.top = `${at * this.height}px`;
      element.setAttribute("aria-rowindex", String(at + 2));
    }
    const look = `grid-line${row.gone ? " is-gone" : ""}${row.base.status === "inactive" ? " is-draft" : ""}${this.store.picked.has(row.id) ? " is-picked" : ""}`;
    if (element.className !== look) element.className = look;
    this.columns.forEach((column, index) => {
      const within = at >= range.top && at <= range.bottom && index >= range.left && index <= range.right;
      const here = at === active.at && index === active.column;
      const state = row.base[column] === undefined ? "" : row.state(column);
      const text = this.textOf(row, column);
      const drawn = `${row.id}|${text}|${state}|${within}|${here}|${look}`;
      if (element.drawn[index] === drawn) return;
      element.drawn[index] = drawn;
      this.fillCell(element.children[index], row, column, { text, state, within, here });
    });
  }

  textOf(row, column) {
    if (column === "pick") return this.store.picked.has(row.id) ? "x" : "";
    if (column === "label" || column === "picture") return row[column];
    const draft = row.drafts.get(column);
    if (draft?.bad) return draft.typed;
    if (column === "status") return this.statusWord(row, draft);
    return shown(column, row.text(column), this.setup);
  }

  statusWord(row, draft) {
    const { words } = this.setup;
    if (draft) return draft.text === "inactive" ? words.deactivate : words.activate;
    return row.base.status === "active" ? words.active : words.draft;
  }

  fillCell(cell, row, column, { text, state, within, here }) {
    cell.id = `cell-${row.id}-${column}`;
    const look = `${cell.plain}${within ? " is-within" : ""}${here ? " is-here" : ""}${state ? ` state-${state}` : ""}`;
    if (cell.className !== look) cell.className = look;
    if (cell.within !== within) cell.setAttribute("aria-selected", String(within));
    cell.within = within;
    if (column === "pick") return this.fillPick(cell, text);
    if (column === "picture") return this.fillPicture(cell, text);
    const drawing = column === "status" ? (row.text("status") === "active" ? "ok" : "draft") : "";
    const shape = `${drawing}|${state}`;
    if (!state && cell.shape === shape) {
      // The same parts with another text: what scrolling does most. A text that is changed costs less than a new one.
      const part = cell.lastChild;
      if (part.firstChild && text) part.firstChild.data = text;
      else part.textContent = text;
      return;
    }
    cell.shape = shape;
    const parts = [make("span", "grid-text", text)];
    if (drawing) parts.unshift(icon(this.setup, drawing));
    if (state) {
      parts.push(icon(this.setup, ICONS[state]));
      const message = this.store.message(row, column);
      parts.push(make("span", "only-read", `, ${this.setup.words[state]}${message ? `: ${message}` : ""}`));
      cell.title = this.setup.words[state];
    } else cell.removeAttribute("title");
    if (["invalid", "refused", "conflict"].includes(state)) cell.setAttribute("aria-invalid", "true");
    else cell.removeAttribute("aria-invalid");
    cell.replaceChildren(...parts);
  }

  fillPick(cell, on) {
    if (cell.shape === on) return;
    cell.shape = on;
    const box = make("span", `grid-box${on ? " is-on" : ""}`);
    cell.replaceChildren(box, make("span", "only-read", this.setup.words[on ? "picked" : "not_picked"]));
  }

  fillPicture(cell, address) {
    if (cell.shape === address) return;
    cell.shape = address;
    const picture = make("img", "thumb");
    if (address) Object.assign(picture, { src: address, alt: this.setup.words.picture, decoding: "async" });
    cell.replaceChildren(...(address ? [picture] : [make("span", "only-read", this.setup.words.no_picture)]));
  }

  /** Where the columns stand; asked only when the window changes, for every question lays the page out anew. */
  measure() {
    this.places = this.heads.map((head) => ({ left: head.offsetLeft, width: head.offsetWidth, stays: getComputedStyle(head).position === "sticky" }));
    // What stays has moved along with the scrolling; behind it begins what scrolls.
    let edge = 0;
    for (const place of this.places.filter(({ stays }) => stays)) {
      place.left = edge;
      edge += place.width;
    }
    this.frozen = edge;
    this.headHeight = this.heads[0].offsetHeight;
    this.room = this.scroller.clientHeight;
    this.span = this.scroller.clientWidth;
  }

  /** Put the field that listens over the active cell, wherever that is now. */
  place() {
    const { left, width, stays } = this.places[this.active.column];
    const { style } = this.input;
    style.top = `${this.headHeight + this.active.at * this.height}px`;
    style.left = `${left + (stays ? this.scroller.scrollLeft : 0)}px`;
    style.width = `${width}px`;
    style.height = `${this.height}px`;
    const cell = this.row && this.cellOf(this.row, this.field);
    if (cell) this.input.setAttribute("aria-activedescendant", cell.id);
    else this.input.removeAttribute("aria-activedescendant");
    this.dispatchPlaced?.();
  }

  cellOf(row, field) {
    return this.made.get(row.id)?.children[this.columns.indexOf(field)] ?? null;
  }

  /** Which cell of the grid an event means. */
  find(event) {
    const cell = event.target.closest?.(".grid-cell");
    const line = cell?.closest(".grid-line");
    return line ? { at: line.at, column: Number(cell.dataset.at) } : null;
  }
}
