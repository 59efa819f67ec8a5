// Light, dark or as the system. The choice is a cookie, so that the server can write it into <html> and nothing flashes.
const YEAR = 365 * 24 * 3600;

function choose(theme) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `magflow_theme=${theme}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Let the choice of colours work; it stays hidden where no script could answer it. */
export function startTheme() {
  for (const group of document.querySelectorAll("[data-theme-menu]")) group.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    choose(button.dataset.themeChoice);
    for (const other of document.querySelectorAll("[data-theme-choice]")) {
      other.setAttribute("aria-pressed", String(other.dataset.themeChoice === button.dataset.themeChoice));
    }
  });
}
