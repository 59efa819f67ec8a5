// The rows of the grid and what a person changed of them. Nothing here touches the page; who shows it listens for
// "changed". A cell has what the server said last (`base`) and perhaps a draft: the text that is wanted, or the typed
// text that cannot be taken, and `seen`, what stood there when the person began.
import { difference, read, sum } from "./cells.js";

const MOST_STEPS = 500;

class Row {
  constructor(id, version, label, fields, cells, picture) {
    Object.assign(this, { id, version, label, picture, gone: false });
    this.base = Object.fromEntries(fields.map((field, at) => [field, cells[at]]));
    this.drafts = new Map();
    this.problems = new Map();
    this.sending = new Map();
    this.saved = new Set();
  }

  /** What a cell holds for the person: canonical text, or what was typed when it cannot be taken. */
  text(field) {
    const draft = this.drafts.get(field);
    return draft ? (draft.bad ? draft.typed : draft.text) : this.base[field];
  }

  state(field) {
    const draft = this.drafts.get(field);
    if (!draft) return this.saved.has(field) ? "saved" : "";
    if (draft.bad) return "invalid";
    if (this.problems.has(field)) return this.problems.get(field).code === "conflict" ? "conflict" : "refused";
    return this.sending.get(field) === draft ? "waiting" : "changed";
  }
}

export class Store extends EventTarget {
  constructor(setup) {
    super();
    this.setup = setup;
    this.all = [];
    this.rows = [];
    this.byId = new Map();
    this.dirty = new Set();
    this.picked = new Set();
    this.done = [];
    this.undone = [];
    this.wanted = "";
    this.open = null; // the cell that is being typed into: {row, field, seen}
  }

  tell(rows = null) {
    this.dispatchEvent(new CustomEvent("changed", { detail: rows }));
  }

  /** `shown` says for each row which of the `pictures` it has, -1 for none. */
  load(fields, rows, pictures = [], shown = []) {
    rows.forEach(([id, version, label, ...cells], at) => {
      const row = new Row(id, version, label, fields, cells, pictures[shown[at]] ?? "");
      this.all.push(row);
      this.byId.set(id, row);
    });
    this.filter(this.wanted);
  }

  /** Show only rows that hold these words; those with unsaved cells always. */
  filter(words) {
    this.wanted = words;
    const parts = words.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const holds = (row) => {
      const text = `${row.label} ${row.text("sku")} ${row.text("title")} ${row.text("ean")}`.toLocaleLowerCase();
      return parts.every((part) => text.includes(part));
    };
    this.rows = parts.length ? this.all.filter((row) => this.dirty.has(row) || holds(row)) : this.all;
    this.tell();
  }

  editable(field) {
    return this.setup.editable.includes(field);
  }

  // --- changes, step by step -------------------------------------------------------------------------------------------

  /** Change cells as one step that can be undone. `cells`: [{row, field, typed}], typed as the person reads it. */
  change(cells) {
    const step = [];
    for (const { row, field, typed, text, seen } of cells) {
      if (!this.editable(field) || row.gone) continue;
      const was = row.drafts.get(field) ?? null;
      const outcome = text === undefined ? read(field, typed, this.setup) : { text };
      const draft = outcome.code
        ? { typed, bad: outcome, seen: was?.seen ?? seen ?? row.base[field] }
        : { text: outcome.text, seen: was?.seen ?? seen ?? row.base[field] };
      const now = !draft.bad && draft.text === row.base[field] ? null : draft;
      if ((was?.bad ? was.typed : was?.text) === (now?.bad ? now.typed : now?.text) && Boolean(was?.bad) === Boolean(now?.bad)) continue;
      step.push({ row, field, was: row.text(field), wasBad: Boolean(was?.bad), now: row.text(field) });
      this.put(row, field, now);
      // A sale may have come while the cell was open: then it is a question at once.
      if (now && !now.bad && now.seen !== row.base[field]) this.clash(row, field);
      Object.assign(step.at(-1), { now: row.text(field), nowBad: Boolean(now?.bad) });
    }
    if (step.length) {
      this.done.push(step);
      if (this.done.length > MOST_STEPS) this.done.shift();
      this.undone.length = 0;
      this.tell(new Set(step.map(({ row }) => row)));
    }
    return step.length;
  }

  put(row, field, draft) {
    if (draft) row.drafts.set(field, draft);
    else row.drafts.delete(field);
    row.problems.delete(field);
    row.saved.delete(field);
    if (row.drafts.size) this.dirty.add(row);
    else this.dirty.delete(row);
  }

  clash(row, field) {
    row.problems.set(field, { code: "conflict", now: row.base[field], message: field === "stock" ? this.setup.words.stock_moved : this.setup.words.clash });
  }

  back(steps, others, which) {
    const step = steps.pop();
    if (!step) return null;
    for (const cell of which === "was" ? [...step].reverse() : step) {
      const { row, field } = cell;
      const seen = row.drafts.get(field)?.seen ?? row.base[field];
      const text = cell[which];
      const draft = cell[`${which}Bad`] ? { typed: text, bad: read(field, text, this.setup), seen } : { text, seen };
      this.put(row, field, !draft.bad && text === row.base[field] ? null : draft);
    }
    others.push(step);
    this.tell(new Set(step.map(({ row }) => row)));
    return step[0];
  }

  /** Take the last step back. What was saved meanwhile becomes an unsaved change with the old text. */
  undo() {
    return this.back(this.done, this.undone, "was");
  }

  redo() {
    return this.back(this.undone, this.done, "now");
  }

  /** Give up every unsaved change, as one step. */
  discard() {
    const cells = [...this.dirty].flatMap((row) => [...row.drafts.keys()].map((field) => ({ row, field, text: row.base[field] })));
    this.change(cells);
  }

  // --- answers to a clash ----------------------------------------------------------------------------------------------

  /** "mine": keep what I typed, knowing what stands there now. "theirs": take that. "difference": theirs plus my change. */
  settle(row, field, choice) {
    const draft = row.drafts.get(field);
    const now = row.base[field];
    if (!draft) return;
    if (choice === "theirs") this.put(row, field, null);
    else if (choice === "mine") this.put(row, field, draft.text === now ? null : { text: draft.text, seen: now });
    else {
      const delta = difference(draft.text, draft.seen);
      this.put(row, field, delta === "0" ? null : { text: sum(now, delta), seen: now, add: delta });
    }
    this.tell(new Set([row]));
  }

  // --- sending ---------------------------------------------------------------------------------------------------------

  /** Rows that can be sent: nothing in them is unreadable or an open question. */
  ready(rows = this.dirty) {
    return [...rows].filter(
      (row) =>
        !row.gone && !row.sending.size && row.drafts.size &&
        [...row.drafts].every(([field, draft]) => !draft.bad && row.problems.get(field)?.code !== "conflict"),
    );
  }

  /** The drafts of a row as they are sent. */
  cellsOf(row) {
    return Object.fromEntries(
      [...row.drafts].filter(([, draft]) => !draft.bad).map(([field, draft]) => [
        field,
        draft.add ? { text: draft.add, seen: draft.seen, add: true } : { text: draft.text, seen: draft.seen },
      ]),
    );
  }

  /** Mark these rows as on their way and return what is sent of them. */
  send(rows) {
    for (const row of rows) row.sending = new Map(row.drafts);
    this.tell(new Set(rows));
    return rows.map((row) => ({ id: row.id, version: row.version, ...this.cellsOf(row) }));
  }

  /** It did not arrive: the cells are unsaved as before. */
  unsent(rows) {
    for (const row of rows) row.sending.clear();
    this.tell(new Set(rows));
  }

  /** Take in what the server said of the rows that were sent. What was typed meanwhile stays as it is. */
  answered(answers, fields) {
    const touched = new Set();
    for (const answer of answers) {
      const row = this.byId.get(answer.id);
      const sent = row.sending;
      row.sending = new Map();
      touched.add(row);
      if (answer.state === "gone") {
        row.gone = true;
        for (const field of [...row.drafts.keys()]) this.put(row, field, null);
        continue;
      }
      row.version = answer.version;
      fields.forEach((field, at) => this.refresh(row, field, answer.cells[at], sent.get(field), answer));
      if (!row.drafts.size) this.dirty.delete(row);
    }
    this.tell(touched);
  }

  refresh(row, field, now, sent, answer) {
    const draft = row.drafts.get(field);
    const kept = draft !== undefined && draft === sent;
    row.base[field] = now;
    const ours = answer.state === "saved" && sent;
    // What we saved ourselves is no surprise to the one who types into the cell again already.
    if (ours && this.open?.row === row && this.open.field === field) this.open.seen = now;
    if (!draft) return;
    if (ours) {
      if (kept) {
        this.put(row, field, null);
        row.saved.add(field);
        return;
      }
      // Typed anew while the first value was on its way: what stands there now is our own.
      draft.seen = now;
      if (!draft.bad && draft.text === now) this.put(row, field, null);
      return;
    }
    if (kept && answer.problems[field]) row.problems.set(field, answer.problems[field]);
    else if (!draft.bad && draft.text === now) this.put(row, field, null);
    else if (!draft.bad && !draft.add && draft.seen !== now) this.clash(row, field);
  }

  // --- what there is to say --------------------------------------------------------------------------------------------

  counts() {
    const found = { changed: 0, invalid: 0, waiting: 0, refused: 0, conflict: 0 };
    for (const row of this.dirty) for (const field of row.drafts.keys()) found[row.state(field)] += 1;
    return found;
  }

  /** The next cell behind a place that needs the person. */
  trouble(from) {
    const found = this.rows.flatMap((row, at) =>
      [...row.drafts.keys()].filter((field) => ["invalid", "refused", "conflict"].includes(row.state(field))).map((field) => ({ at, field })),
    );
    return found.find(({ at }) => at > from) ?? found[0] ?? null;
  }

  /** What is wrong with a cell, in words. */
  message(row, field) {
    const draft = row.drafts.get(field);
    if (draft?.bad) return this.setup.sentence(draft.bad);
    return row.problems.get(field)?.message ?? "";
  }
}
