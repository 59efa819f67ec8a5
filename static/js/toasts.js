// What passes by: moved from the page into the polite live region, so that it is announced, and taken away after a while.
const STAYS = 6000;

function leaveLater(toast) {
  let timer = setTimeout(() => toast.remove(), STAYS);
  const hold = () => clearTimeout(timer);
  const release = () => {
    hold();
    timer = setTimeout(() => toast.remove(), STAYS);
  };
  toast.addEventListener("mouseenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("mouseleave", release);
  toast.addEventListener("focusout", release);
}

/** Show a sentence that passes by. `parts` are nodes or text, as Element.append takes them. */
export function toast(...parts) {
  const region = document.getElementById("toasts");
  if (!region) return null;
  const box = document.createElement("div");
  box.className = "toast";
  box.append(...parts);
  const close = document.getElementById("toast-close");
  if (close && !box.querySelector("[data-close]")) box.append(close.content.cloneNode(true));
  region.append(box);
  leaveLater(box);
  return box;
}

/** Turn the flashes that may pass by into toasts. */
export function startToasts() {
  // An empty live region must exist before text arrives in it, or nothing is announced.
  requestAnimationFrame(() => {
    for (const flash of document.querySelectorAll(".flash[data-toast]")) {
      toast(...flash.childNodes);
      flash.remove();
    }
    const flashes = document.getElementById("flashes");
    if (flashes && !flashes.children.length) flashes.replaceChildren();
  });
}
