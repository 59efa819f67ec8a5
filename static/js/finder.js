// The search field in the top bar: screens at once, products, orders and the rest from the server while typing.
const PAUSE = 150;

function screens() {
  return [...document.querySelectorAll(".nav-list .nav-link")].map((link) => ({
    label: link.querySelector(".label").textContent,
    url: link.getAttribute("href"),
    note: link.dataset.go ? `G ${link.dataset.go.toUpperCase()}` : "",
  }));
}

const plain = (text) => text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();

class Finder {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector("input");
    this.box = form.querySelector("[role=listbox]");
    this.timer = 0;
    this.asked = 0;
    this.found = [];
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("focus", () => this.show());
    this.input.addEventListener("keydown", (event) => this.key(event));
    form.addEventListener("focusout", (event) => {
      if (!form.contains(event.relatedTarget)) this.hide();
    });
    form.addEventListener("submit", (event) => this.submit(event));
  }

  typed() {
    this.found = [];
    this.show();
    clearTimeout(this.timer);
    const words = this.input.value.trim();
    if (words && this.form.dataset.suggest) this.timer = setTimeout(() => this.askServer(words), PAUSE);
  }

  async askServer(words) {
    const turn = ++this.asked;
    const address = new URL(this.form.dataset.suggest, location.href);
    address.searchParams.set("q", words);
    let answer;
    try {
      answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const { results } = await answer.json();
      // A slow answer to an earlier question must not replace a later one.
      if (turn !== this.asked || words !== this.input.value.trim()) return;
      this.found = results ?? [];
      this.show();
    } catch {
      // Without an answer the screens stay, and Enter still opens the page of results.
    }
  }

  show() {
    const words = plain(this.input.value.trim());
    const groups = new Map();
    const near = screens().filter((screen) => !words || plain(screen.label).includes(words));
    if (near.length) groups.set(this.form.dataset.screens, near);
    for (const hit of this.found) groups.set(hit.kind, [...(groups.get(hit.kind) ?? []), hit]);
    this.box.replaceChildren();
    let index = 0;
    for (const [name, hits] of groups) {
      const title = Object.assign(document.createElement("div"), { className: "finder-group", textContent: name });
      title.setAttribute("role", "presentation");
      this.box.append(title);
      for (const hit of hits) this.box.append(this.option(hit, index++));
    }
    if (!index && words && this.form.dataset.suggest) {
      this.box.append(Object.assign(document.createElement("p"), { className: "finder-note", textContent: this.form.dataset.none }));
    }
    this.box.hidden = !this.box.children.length;
    this.input.setAttribute("aria-expanded", String(!this.box.hidden));
    this.input.removeAttribute("aria-activedescendant");
  }

  option(hit, index) {
    const link = Object.assign(document.createElement("a"), { className: "finder-item", id: `found-${index}`, href: hit.url, tabIndex: -1 });
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", "false");
    link.append(hit.label);
    if (hit.note) link.append(Object.assign(document.createElement("small"), { textContent: hit.note }));
    return link;
  }

  hide() {
    this.box.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.box.hidden) this.show();
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      if (!this.box.hidden) this.hide();
      else this.input.blur();
      event.stopPropagation();
    }
  }

  move(step) {
    const options = [...this.box.querySelectorAll("[role=option]")];
    if (!options.length) return;
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const next = options[at < 0 ? (step > 0 ? 0 : options.length - 1) : (at + step + options.length) % options.length];
    for (const option of options) option.setAttribute("aria-selected", String(option === next));
    this.input.setAttribute("aria-activedescendant", next.id);
    next.scrollIntoView({ block: "nearest" });
  }

  submit(event) {
    const words = this.input.value.trim();
    let chosen = this.box.querySelector("[aria-selected=true]");
    // Where there is no page of results, Enter takes the best of what is shown.
    if (!chosen && !this.form.hasAttribute("action")) chosen = words && this.box.querySelector("[role=option]");
    if (chosen || !words || !this.form.hasAttribute("action")) event.preventDefault();
    if (chosen) location.assign(chosen.href);
  }
}

/** Bring the search field to life, where there is one. */
export function startFinder() {
  const form = document.querySelector("[data-finder]");
  if (form) new Finder(form);
}

/** Put the focus into the search field. */
export function focusFinder() {
  const input = document.getElementById("finder");
  if (!input) return false;
  input.focus();
  input.select();
  return true;
}
