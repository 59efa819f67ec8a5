// What is wrong with the active cell, in words beside it, with the ways out of a clash as buttons.
import { difference, shown, sum } from "./cells.js";
import { icon, ICONS, make } from "./view.js";

/** The ways out of a clash: [choice, words]. */
export function choices(row, field, setup) {
  const { words } = setup;
  const draft = row.drafts.get(field);
  const now = row.base[field];
  const word = (text) => (field === "status" ? words[text] : shown(field, text, setup)) || "—";
  if (field !== "stock") {
    return [["mine", `${words.keep_mine}: ${word(draft.text)}`], ["theirs", `${words.take_theirs}: ${word(now)}`]];
  }
  const delta = difference(draft.text, draft.seen);
  const after = sum(now, delta);
  const signed = delta.startsWith("-") ? delta.replace("-", "−") : `+${delta}`;
  return [
    ["mine", `${words.count_again}: ${word(draft.text)}`],
    ...(after.startsWith("-") ? [] : [["difference", `${words.apply_difference} ${signed}: ${word(now)} → ${word(after)}`]]),
    ["theirs", `${words.take_theirs}: ${word(now)}`],
  ];
}

/** Message and buttons of a cell's trouble, as nodes; `done` is called after a choice. */
export function trouble(store, setup, row, field, done) {
  const state = row.state(field);
  const said = make("p", `grid-said tone-${state}`);
  said.append(icon(setup, ICONS[state]), make("span", "", store.message(row, field)));
  if (state !== "conflict") {
    const other = row.problems.get(field)?.other;
    if (!other) return [said];
    const link = make("a", "", setup.words.show_other);
    link.href = setup.variant.replace(/0$/, String(other));
    return [said, link];
  }
  const seen = make("p", "soft small", `${setup.words.you_saw}: ${shown(field, row.drafts.get(field).seen, setup) || "—"} · ${setup.words.now}: ${shown(field, row.base[field], setup) || "—"} · ${setup.words.yours}: ${shown(field, row.text(field), setup) || "—"}`);
  const buttons = make("div", "line-up");
  for (const [choice, words] of choices(row, field, setup)) {
    const button = make("button", "button button-s", words);
    button.type = "button";
    button.dataset.choice = choice;
    button.addEventListener("click", () => {
      store.settle(row, field, choice);
      done();
    });
    buttons.append(button);
  }
  return [said, seen, buttons];
}

export class Note {
  constructor(root, view, editor, store, setup) {
    Object.assign(this, { view, editor, store, setup, drawn: "" });
    this.box = root.querySelector("[data-note]");
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      editor.focus();
    });
    view.dispatchPlaced = () => this.place();
    editor.addEventListener("opened", () => this.place());
    editor.addEventListener("closed", () => this.place());
  }

  place() {
    const { row, field } = this.view;
    const state = row && row.base[field] !== undefined && !this.editor.open ? row.state(field) : "";
    const wanted = ["invalid", "refused", "conflict"].includes(state);
    const drawn = wanted ? `${row.id}|${field}|${state}|${row.text(field)}|${row.base[field]}|${this.store.message(row, field)}` : "";
    if (drawn !== this.drawn) {
      const within = this.box.contains(document.activeElement);
      this.drawn = drawn;
      this.box.replaceChildren(...(wanted ? trouble(this.store, this.setup, row, field, () => this.editor.focus()) : []));
      this.box.hidden = !wanted;
      if (within && !wanted) this.editor.focus();
    }
    if (!wanted) return;
    const cell = this.view.cellOf(row, field)?.getBoundingClientRect();
    const frame = this.view.scroller.getBoundingClientRect();
    if (!cell || cell.bottom < frame.top || cell.top > frame.bottom) {
      this.box.hidden = true;
      return;
    }
    this.box.hidden = false;
    const below = cell.bottom + this.box.offsetHeight + 12 < window.innerHeight;
    this.box.style.top = `${below ? cell.bottom + 4 : Math.max(4, cell.top - this.box.offsetHeight - 4)}px`;
    this.box.style.left = `${Math.max(8, Math.min(cell.left, window.innerWidth - this.box.offsetWidth - 8))}px`;
  }

  /** Put the focus on the first way out. */
  enter() {
    this.box.querySelector("button, a")?.focus();
  }
}
