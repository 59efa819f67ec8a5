// Starts what makes pages quicker to use. Every page works without it, except that what asks first stays switched off.
import { startDialogs } from "./dialogs.js";
import { startFinder } from "./finder.js";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { startLists } from "./lists.js";
import { startMenus } from "./menus.js";
import { startTheme } from "./theme.js";
import { startToasts } from "./toasts.js";

startTheme();
startMenus();
startDialogs();
startToasts();
startForms();
startLists();
startFinder();
startKeys();
// Tests and other scripts wait for this instead of guessing how long starting takes.
document.documentElement.dataset.ready = "yes";
