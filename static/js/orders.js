// Taking orders quickly: suggestions while a product is typed, a new line when the last is begun, "Set" only where a
// quantity was changed. Without this module the same forms work with full SKUs and barcodes.
const PAUSE = 140;
let lists = 0;

class Picker {
  constructor(box) {
    this.box = box;
    this.input = box.querySelector("input:not([type=hidden])");
    this.chosen = box.querySelector("[data-chosen]");
    this.list = box.querySelector("[role=listbox]");
    this.list.id = `picker-${++lists}`;
    this.timer = 0;
    this.asked = 0;
    this.input.setAttribute("role", "combobox");
    this.input.setAttribute("aria-expanded", "false");
    this.input.setAttribute("aria-controls", this.list.id);
    this.input.setAttribute("aria-autocomplete", "list");
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.hide());
    // The press must not take the focus away before the click arrives.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.choose(item);
    });
  }

  typed() {
    this.chosen.value = "";
    clearTimeout(this.timer);
    const words = this.input.value.trim();
    if (words.length < 2) this.hide();
    else this.timer = setTimeout(() => this.ask(words), PAUSE);
  }

  async ask(words) {
    const turn = ++this.asked;
    const address = new URL(this.box.dataset.picker, location.href);
    address.searchParams.set("q", words);
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const { results } = await answer.json();
      // A slow answer to an earlier question must not replace a later one, nor open a list that was left.
      if (turn === this.asked && words === this.input.value.trim() && document.activeElement === this.input) this.show(results);
    } catch {
      // Without an answer the full SKU still works.
    }
  }

  show(results) {
    this.list.replaceChildren(...results.map((hit, index) => this.option(hit, index)));
    if (!results.length) {
      this.list.append(Object.assign(document.createElement("p"), { className: "finder-note", textContent: this.box.dataset.none }));
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.input.removeAttribute("aria-activedescendant");
  }

  option(hit, index) {
    const make = (name, text, className = "") => Object.assign(document.createElement(name), { textContent: text, className });
    const item = Object.assign(document.createElement("div"), { className: "picker-item", id: `${this.list.id}-${index}` });
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.dataset.id = hit.id;
    item.dataset.sku = hit.sku;
    item.append(
      make("b", hit.sku),
      make("span", hit.price, "picker-price"),
      make("small", hit.options ? `${hit.name} — ${hit.options}` : hit.name),
      make("small", this.box.dataset.stock.replace("%s", hit.stock), "picker-stock"),
    );
    return item;
  }

  hide() {
    clearTimeout(this.timer);
    this.asked++;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const open = !this.list.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (open && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.hide();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      const item = open && (this.list.querySelector("[aria-selected=true]") ?? this.only());
      if (item) {
        event.preventDefault();
        this.choose(item);
      } else if (this.box.closest("[data-new-order]") && this.input.value.trim()) {
        // In a form of many lines Enter goes on to the quantity; only the button sends.
        event.preventDefault();
        this.onward();
      }
    }
  }

  only() {
    const items = this.list.querySelectorAll("[role=option]");
    return items.length === 1 ? items[0] : null;
  }

  move(step) {
    const items = [...this.list.querySelectorAll("[role=option]")];
    if (!items.length) return;
    const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    const next = items[at < 0 ? (step > 0 ? 0 : items.length - 1) : (at + step + items.length) % items.length];
    for (const item of items) item.setAttribute("aria-selected", String(item === next));
    this.input.setAttribute("aria-activedescendant", next.id);
    next.scrollIntoView({ block: "nearest" });
  }

  choose(item) {
    this.input.value = item.dataset.sku;
    this.chosen.value = item.dataset.id;
    this.hide();
    this.input.dispatchEvent(new CustomEvent("chosen", { bubbles: true }));
    this.onward();
  }

  onward() {
    const quantity = (this.box.closest("[data-line]") ?? this.box.closest("form")).querySelector("[data-quantity]");
    quantity?.focus();
    quantity?.select();
  }
}

const wired = new WeakSet();

function wirePickers(root) {
  for (const box of root.querySelectorAll("[data-picker]")) {
    if (wired.has(box)) continue;
    wired.add(box);
    new Picker(box);
  }
}

function wireLines(form) {
  const holder = form.querySelector("[data-lines]");
  const lines = () => [...holder.querySelectorAll("[data-line]")];
  const empty = (line) => !line.querySelector("[data-picker] input").value.trim();
  let made = lines().length;

  function add() {
    const line = lines()[0].cloneNode(true);
    const n = ++made;
    for (const gone of line.querySelectorAll(".candidates, .field-error")) gone.remove();
    for (const element of line.querySelectorAll("[id]")) element.id = element.id.replace(/-\d+(?=$|-)/, `-${n}`);
    for (const label of line.querySelectorAll("label")) label.htmlFor = label.htmlFor.replace(/-\d+$/, `-${n}`);
    for (const input of line.querySelectorAll("input")) {
      input.value = input.matches("[data-quantity]") ? "1" : "";
      for (const name of ["aria-invalid", "aria-describedby", "autofocus", "role", "aria-expanded"]) input.removeAttribute(name);
    }
    line.querySelector("[role=listbox]").replaceChildren();
    line.querySelector("[role=listbox]").hidden = true;
    line.setAttribute("aria-label", holder.dataset.label?.replace("%s", n) ?? "");
    holder.append(line);
    wirePickers(line);
    tidy();
  }

  function tidy() {
    for (const line of lines()) line.querySelector("[data-drop]").hidden = empty(line) || lines().length < 2;
    if (!lines().some(empty)) add();
  }

  // One empty line is enough where a script adds the next.
  for (const line of lines().filter(empty).slice(1)) line.remove();
  tidy();
  holder.addEventListener("input", tidy);
  holder.addEventListener("chosen", tidy);
  holder.addEventListener("click", (event) => {
    const drop = event.target.closest("[data-drop]");
    if (!drop) return;
    const line = drop.closest("[data-line]");
    const next = line.nextElementSibling ?? line.previousElementSibling;
    line.remove();
    tidy();
    next?.querySelector("[data-picker] input")?.focus();
  });
  holder.addEventListener("change", (event) => {
    if (!event.target.matches(".candidates input")) return;
    // The choice travels with its line, wherever lines before it go.
    event.target.closest("[data-line]").querySelector("[data-chosen]").value = event.target.value;
  });
  holder.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || !event.target.matches("[data-quantity]")) return;
    event.preventDefault();
    const next = event.target.closest("[data-line]").nextElementSibling;
    (next ?? holder).querySelector("[data-picker] input")?.focus();
  });
}

function wireQuantity(form) {
  const input = form.querySelector("[name=quantity]");
  const first = input.getAttribute("value");
  const tell = () => form.classList.toggle("is-same", input.value === first && !input.matches("[aria-invalid]"));
  input.addEventListener("input", tell);
  tell();
}

wirePickers(document);
for (const form of document.querySelectorAll("[data-new-order]")) wireLines(form);
for (const form of document.querySelectorAll("[data-quantity-form]")) wireQuantity(form);
