// Menus are <details class="menu">: they open by themselves. This closes them as people expect, and lets arrows move.

const items = (menu) =>
  [...menu.querySelectorAll(".menu-panel :is(a, button, summary, input:not([type=hidden]), select)")].filter(
    (element) => !element.disabled && element.checkVisibility(),
  );

function closeOthers(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

function moveInside(menu, step) {
  const all = items(menu);
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length].focus();
}

/** Close on a click elsewhere and on Esc; ArrowUp and ArrowDown move; the panel stays inside the window. */
export function startMenus() {
  document.addEventListener("click", (event) => closeOthers(event.target));
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    if (event.key === "Escape") {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopPropagation();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      moveInside(menu, event.key === "ArrowDown" ? 1 : -1);
    }
  });
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!menu.matches?.("details.menu") || !menu.open) return;
      menu.classList.remove("menu-shifted", "menu-above");
      const panel = menu.querySelector(".menu-panel").getBoundingClientRect();
      if (panel.right > document.documentElement.clientWidth) menu.classList.add("menu-shifted");
      if (panel.bottom > window.innerHeight && panel.height < menu.getBoundingClientRect().top) menu.classList.add("menu-above");
    },
    true,
  );
}
