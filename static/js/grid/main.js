// The grid of a product's variants: puts its parts together. A page opens it with data in #grid-setup.
import { toast } from "../toasts.js";
import { Cards } from "./cards.js";
import { fill } from "./cells.js";
import { Editor } from "./editor.js";
import { Keys } from "./keys.js";
import { Note } from "./note.js";
import { Paste } from "./paste.js";
import { Saver } from "./saving.js";
import { Store } from "./store.js";
import { View } from "./view.js";

const root = document.querySelector("[data-grid]");
const setup = JSON.parse(document.getElementById("grid-setup").textContent);
setup.sentence = ({ code, params }) => fill(setup.words[code] ?? code, params);

const store = new Store(setup);
const view = new View(root, store, setup);
const editor = new Editor(view, store, setup);
const saver = new Saver(store, setup);
const note = new Note(root, view, editor, store, setup);
const cards = new Cards(root, view, store, saver, setup);
new Paste(root, view, editor, store, setup);
const narrow = matchMedia("(max-width: 760px)");

const actions = {
  save: (rows) => saver.save(rows),
  settle: () => note.enter(),
  problem() {
    const found = store.trouble(view.active.at);
    if (!found) return;
    if (narrow.matches) cards.open(store.rows[found.at]);
    view.go(found.at, view.columns.indexOf(found.field));
    if (!narrow.matches) editor.focus();
    editor.ready();
  },
  pick(rows) {
    const on = rows.some((row) => !store.picked.has(row.id));
    for (const row of rows) {
      if (on) store.picked.add(row.id);
      else store.picked.delete(row.id);
    }
    store.tell(new Set(rows));
  },
};
new Keys(view, editor, store, actions);

// --- the mouse and the finger ------------------------------------------------------------------------------------------

let dragging = false;
view.body.addEventListener("mousedown", (event) => {
  const place = view.find(event);
  if (!place || event.button !== 0) return;
  event.preventDefault(); // the focus stays in the field
  editor.commit();
  view.go(place.at, place.column, event.shiftKey);
  editor.ready();
  if (narrow.matches) return;
  editor.focus();
  dragging = true;
});
view.body.addEventListener("mousemove", (event) => {
  const place = dragging && event.buttons === 1 ? view.find(event) : null;
  if (place && (place.at !== view.active.at || place.column !== view.active.column)) {
    view.go(place.at, place.column, true);
    editor.ready();
  }
});
window.addEventListener("mouseup", () => {
  dragging = false;
});
view.body.addEventListener("click", (event) => {
  const place = view.find(event);
  if (!place) return;
  if (view.columns[place.column] === "pick") actions.pick([store.rows[place.at]]);
  else if (narrow.matches) cards.open(store.rows[place.at]);
});
view.body.addEventListener("dblclick", (event) => {
  if (view.find(event) && !narrow.matches) editor.begin("old");
});
root.querySelector("[data-pick-all]").addEventListener("click", () => actions.pick(store.rows));
view.grid.addEventListener("focus", () => editor.focus());

// --- what is said, and the buttons -------------------------------------------------------------------------------------

const part = (name) => root.querySelector(`[data-${name}]`);
const region = part("status");

function tell() {
  const { words } = setup;
  const found = store.counts();
  const wrong = found.invalid + found.refused + found.conflict;
  const said = [
    ["changed", found.changed],
    ["waiting", found.waiting],
    ["invalid", found.invalid],
    ["refused", found.refused],
    ["conflict", found.conflict],
  ].filter(([, count]) => count).map(([name, count]) => `${words[`count_${name}`]}: ${count}`);
  const text = said.join(" · ") || words.all_saved;
  if (region.textContent !== text) region.textContent = text;
  part("save").disabled = !store.dirty.size;
  part("discard").disabled = !store.dirty.size;
  part("undo").disabled = !store.done.length;
  part("trouble").hidden = !wrong;
  part("rows").textContent = store.rows.length === store.all.length ? `${words.rows}: ${store.all.length}` : `${words.rows}: ${store.rows.length} / ${store.all.length}`;
  const bar = part("bulk");
  bar.hidden = !store.picked.size;
  part("bulk-count").textContent = String(store.picked.size);
}

let telling = false;
store.addEventListener("changed", () => {
  if (telling) return;
  telling = true;
  requestAnimationFrame(() => {
    telling = false;
    tell();
    // For the bulk edit, and for whoever else wants to know: which variants are picked.
    document.dispatchEvent(new CustomEvent("grid:picked", { detail: { ids: [...store.picked] } }));
  });
});
saver.addEventListener("failed", ({ detail }) => toast(detail));

const focused = (work) => () => {
  work();
  if (!narrow.matches) editor.focus();
};
part("save").addEventListener("click", focused(() => saver.save()));
part("undo").addEventListener("click", focused(() => store.undo()));
part("discard").addEventListener("click", focused(() => store.discard()));
part("trouble").addEventListener("click", () => actions.problem());
part("bulk").addEventListener("formdata", ({ formData }) => {
  for (const id of store.picked) formData.append("rowid", id);
});
part("bulk-none").addEventListener("click", () => {
  store.picked.clear();
  store.tell();
});
part("filter").addEventListener("input", (event) => {
  store.filter(event.target.value);
  view.go(0, view.active.column);
  editor.ready();
});
window.addEventListener("beforeunload", (event) => {
  if (store.dirty.size || editor.unsaved) event.preventDefault();
});

// --- the rows ----------------------------------------------------------------------------------------------------------

async function load() {
  let after = 0;
  do {
    const answer = await fetch(`${setup.rows}?after=${after}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = await answer.json();
    setup.fields = page.fields;
    store.load(page.fields, page.rows, page.pictures, page.shown);
    after = page.next;
  } while (after);
}

try {
  await load();
  root.dataset.state = store.all.length ? "ready" : "empty";
} catch {
  root.dataset.state = "broken";
}
view.measure();
view.draw();
editor.ready();
tell();
