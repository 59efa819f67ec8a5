// Dialogs: those a page brings along (data-open, data-close), and the one that asks before something is done.

function fill(body, text, counted) {
  body.replaceChildren();
  const lines = [counted, ...(text || "").split("\n")].filter((line) => line && line.trim());
  if (lines.length > 1) {
    const list = document.createElement("ul");
    for (const line of lines) list.append(Object.assign(document.createElement("li"), { textContent: line }));
    body.append(list);
  } else if (lines.length) {
    body.append(Object.assign(document.createElement("p"), { textContent: lines[0] }));
  }
  body.hidden = !lines.length;
}

/** Ask with the words on the button; resolves to true when the verb was pressed. */
export function ask(button) {
  const dialog = document.getElementById("confirm");
  const { confirm: title, confirmBody, confirmVerb, confirmTone, confirmCounted } = button.dataset;
  const form = button.form;
  const count = form?.querySelector("[data-bulk-count]")?.textContent;
  dialog.querySelector("#confirm-title").textContent = title;
  fill(dialog.querySelector("#confirm-body"), confirmBody, confirmCounted && count ? `${confirmCounted} ${count}` : "");
  const verb = dialog.querySelector("[data-verb]");
  verb.textContent = confirmVerb || button.textContent.trim();
  verb.classList.toggle("button-bad", confirmTone === "bad");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

const agreed = new WeakSet();

function onClick(event) {
  const opener = event.target.closest("[data-open]");
  if (opener) {
    event.preventDefault();
    opener.closest("details.menu")?.removeAttribute("open");
    document.getElementById(opener.dataset.open)?.showModal();
    return;
  }
  const closer = event.target.closest("[data-close]");
  if (closer) {
    const box = closer.closest("dialog");
    if (box) box.close();
    else closer.closest(".flash, .toast")?.remove();
    return;
  }
  // A click beside the dialog lands on the dialog itself, its content being smaller boxes.
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
}

async function onSubmit(event) {
  const button = event.submitter;
  if (!button?.dataset?.confirm || agreed.has(button)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await ask(button))) {
    button.focus();
    return;
  }
  agreed.add(button);
  event.target.requestSubmit(button);
  agreed.delete(button);
}

/** Wire openers, closers and questions. Buttons that ask are delivered disabled and become usable here. */
export function startDialogs() {
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit, true);
  for (const button of document.querySelectorAll("button[data-confirm]:disabled:not([data-off])")) button.disabled = false;
  document.querySelector("dialog[data-open-now]")?.showModal();
}
