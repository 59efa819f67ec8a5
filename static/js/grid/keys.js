// The keyboard of the grid, as in a spreadsheet. Keys that an input method uses for itself are left to it.
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Keys {
  /** `actions`: save, undo, redo, settle, pick, problem. */
  constructor(view, editor, store, actions) {
    Object.assign(this, { view, editor, store, actions });
    editor.input.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    // 229: the key belongs to an input method, also where `isComposing` is not told yet.
    if (event.isComposing || event.keyCode === 229 || this.editor.composing) return;
    const command = (event.ctrlKey || event.metaKey) && !event.altKey;
    const done = command ? this.command(event) : this.editor.open ? this.editing(event) : this.moving(event);
    if (done) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  // --- while a cell is open --------------------------------------------------------------------------------------------

  editing(event) {
    const { at, column } = this.view.active;
    const arrow = ARROWS[event.key];
    switch (event.key) {
      case "Enter":
        this.commit();
        this.view.go(at + (event.shiftKey ? -1 : 1), column);
        break;
      case "Tab":
        this.saveAndMoveOn(event.shiftKey ? -1 : 1);
        break;
      case "Escape":
        this.editor.cancel();
        break;
      case "PageUp":
      case "PageDown":
        this.commit();
        return this.moving(event);
      default:
        // Begun by typing, the arrows go on to the next cell; begun by F2 or Enter, they walk in the text.
        if (!arrow || this.editor.open.how !== "typing" || event.shiftKey) return false;
        this.commit();
        this.view.go(at + arrow[0], column + arrow[1]);
    }
    this.editor.ready();
    return true;
  }

  commit() {
    return this.editor.commit();
  }

  saveAndMoveOn(step) {
    const cell = this.commit();
    if (cell) this.actions.save([cell.row]);
    let { at, column } = this.view.active;
    const { columns } = this.view;
    do {
      column += step;
      if (column < 0 || column >= columns.length) {
        column = step > 0 ? 0 : columns.length - 1;
        at += step;
      }
    } while (!this.store.editable(columns[column]));
    if (at >= 0 && at < this.store.rows.length) this.view.go(at, column);
  }

  // --- between cells ---------------------------------------------------------------------------------------------------

  moving(event) {
    const { at, column } = this.view.active;
    const arrow = ARROWS[event.key];
    const last = this.view.columns.length - 1;
    const page = Math.max(1, Math.floor(this.view.room / this.view.height) - 2);
    const go = (row, place) => {
      this.view.go(row, place, event.shiftKey);
      this.editor.ready();
      return true;
    };
    if (arrow) return go(at + arrow[0], column + arrow[1]);
    switch (event.key) {
      case "Home":
        return go(at, 0);
      case "End":
        return go(at, last);
      case "PageUp":
        return go(at - page, column);
      case "PageDown":
        return go(at + page, column);
      case "Enter":
        return this.enter();
      case "F2":
        return this.editor.begin("old") || true;
      case " ":
        return this.space(event);
      case "Backspace":
        if (!this.editor.begin("old")) return true;
        this.editor.input.value = "";
        return true;
      case "Delete":
        this.store.change(this.view.cells().map((cell) => ({ ...cell, typed: "" })));
        return true;
      case "Escape":
        this.view.go(at, column);
        return true;
      case "F8":
        this.actions.problem();
        return true;
      default:
        return false;
    }
  }

  enter() {
    if (this.view.field === "pick") this.actions.pick([this.view.row]);
    else if (this.view.row?.state(this.view.field) === "conflict") this.actions.settle();
    else if (this.view.field === "status") this.flip();
    else this.editor.begin("old");
    return true;
  }

  space(event) {
    if (this.view.field === "pick" || event.shiftKey) {
      const { top, bottom } = this.view.range;
      this.actions.pick(this.store.rows.slice(top, bottom + 1));
    } else if (this.view.field === "status") this.flip();
    else return false;
    return true;
  }

  /** Active becomes a draft, a draft active. */
  flip() {
    const { row } = this.view;
    if (row) this.store.change([{ row, field: "status", text: row.text("status") === "active" ? "inactive" : "active" }]);
  }

  // --- with Ctrl or Command --------------------------------------------------------------------------------------------

  command(event) {
    const open = Boolean(this.editor.open);
    const key = event.key.toLowerCase();
    const last = { at: this.store.rows.length - 1, column: this.view.columns.length - 1 };
    if (key === "enter" || key === "s") {
      this.commit();
      this.actions.save();
      return true;
    }
    if (open) return false;
    if (key === "d") return this.fillDown();
    if (key === "z") return this.step(event.shiftKey ? "redo" : "undo");
    if (key === "y") return this.step("redo");
    if (key === "a") {
      this.view.anchor = { at: 0, column: 0 };
      this.view.go(last.at, last.column, true);
    } else if (key === "home") this.view.go(0, 0, event.shiftKey);
    else if (key === "end") this.view.go(last.at, last.column, event.shiftKey);
    else if (key === "arrowdown") this.view.go(last.at, this.view.active.column, event.shiftKey);
    else if (key === "arrowup") this.view.go(0, this.view.active.column, event.shiftKey);
    else if (key === "arrowleft") this.view.go(this.view.active.at, 0, event.shiftKey);
    else if (key === "arrowright") this.view.go(this.view.active.at, last.column, event.shiftKey);
    else return false;
    this.editor.ready();
    return true;
  }

  /** The first row of the range goes down into the others; of one cell alone, the one above comes down. */
  fillDown() {
    const { top, bottom, left, right } = this.view.range;
    const from = top === bottom ? top - 1 : top;
    if (from < 0) return true;
    const source = this.store.rows[from];
    const cells = this.view.cells({ top: from + 1, bottom, left, right });
    this.store.change(cells.filter(({ field }) => source.state(field) !== "invalid").map((cell) => ({ ...cell, text: source.text(cell.field) })));
    return true;
  }

  step(which) {
    const cell = this.store[which]();
    const at = cell ? this.store.rows.indexOf(cell.row) : -1;
    if (at >= 0) this.view.go(at, this.view.columns.indexOf(cell.field));
    this.editor.ready();
    return true;
  }
}
