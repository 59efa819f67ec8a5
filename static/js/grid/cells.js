// What may stand in a cell: from what somebody typed to the one canonical text that travels, and back to what is shown.
// Amounts are text from end to end and never a number of the browser. The server decides; these are the same rules, so
// that most mistakes are said while they are made (tests/browser/test_grid.py compares the two).
const EDGES = /^[\s\u2000-\u200a]+|[\s\u2000-\u200a]+$/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const LARGEST_MONEY = "9999999999.99";
const LARGEST_STOCK = "1000000000";
const LONGEST = { title: 255, sku: 120 };

export const MONEY = new Set(["price", "compare_at_price"]);
export const FIGURES = new Set(["price", "compare_at_price", "stock", "ean"]);
const REQUIRED = new Set(["sku", "price", "stock", "status"]);

const bad = (code, params = {}) => ({ code, params });

/** Without thousands separators where they stand right; null when they do not. */
function ungrouped(digits, group, sign) {
  if (!digits.includes(group)) return digits;
  const [whole, ...rest] = digits.split(sign);
  const mark = group === "." ? "\\." : group;
  if (rest.join(sign).includes(group) || !new RegExp(`^[+-]?\\d{1,3}(?:${mark}\\d{3})+$`).test(whole)) return null;
  return digits.replaceAll(group, "");
}

function plain(typed, sign) {
  const digits = ungrouped(typed.replaceAll("\u00a0", "").replaceAll("\u202f", "").replaceAll("−", "-"), sign === "," ? "." : ",", sign);
  return digits === null ? null : digits.replace(sign, ".");
}

function readMoney(typed, sign) {
  const found = /^([+-]?)(\d{1,20})(?:\.(\d{1,20}))?$/.exec(plain(typed, sign) ?? "");
  if (!found) return bad("not_a_number");
  const whole = found[2].replace(/^0+(?=\d)/, "");
  const cents = (found[3] ?? "").replace(/0+$/, "");
  if (found[1] === "-" && (whole !== "0" || cents)) return bad("below_zero");
  if (whole.length > 10) return bad("out_of_range", { least: "0", limit: LARGEST_MONEY });
  if (cents.length > 2) return bad("too_many_decimals", { places: 2 });
  return { text: `${whole}.${cents.padEnd(2, "0")}` };
}

function readStock(typed, sign) {
  const found = /^([+-]?)(\d{1,19})$/.exec(plain(typed, sign) ?? "");
  if (!found) return bad("not_an_integer");
  const figure = found[2].replace(/^0+(?=\d)/, "");
  if (found[1] === "-" && figure !== "0") return bad("below_zero");
  const tooLarge = figure.length > LARGEST_STOCK.length || (figure.length === LARGEST_STOCK.length && figure > LARGEST_STOCK);
  return tooLarge ? bad("out_of_range", { least: "0", limit: LARGEST_STOCK }) : { text: figure };
}

function readText(typed, most) {
  if (CONTROL.test(typed)) return bad("control_characters");
  const text = typed.normalize("NFC");
  return [...text].length > most ? bad("too_long", { limit: most }) : { text };
}

function readEan(typed) {
  const digits = typed.replace(/^'/, "").replaceAll(/[ -]/g, "");
  if (!/^\d+$/.test(digits)) return bad(/^\d+([.,]\d+)?e\+?\d+$/i.test(typed) ? "ean_exponent" : "ean_digits");
  if (![8, 12, 13, 14].includes(digits.length)) return bad("ean_length", { length: digits.length });
  let total = 0;
  for (let at = 2; at <= digits.length; at++) total += Number(digits.at(-at)) * (at % 2 ? 1 : 3);
  return (10 - (total % 10)) % 10 === Number(digits.at(-1)) ? { text: digits } : bad("ean_check_digit");
}

function readStatus(typed, statuses) {
  const word = typed.toLocaleLowerCase();
  const found = new Set(Object.entries(statuses).filter(([known]) => known.startsWith(word)).map(([, status]) => status));
  if (statuses[word]) return { text: statuses[word] };
  return found.size === 1 ? { text: [...found][0] } : bad("not_a_status");
}

/** What was typed as `{text}`, or why not as `{code, params}`. `setup` brings the decimal sign and words of statuses. */
export function read(field, typed, setup) {
  const trimmed = typed.replace(EDGES, "");
  if (!trimmed) return REQUIRED.has(field) ? bad("required") : { text: "" };
  if (MONEY.has(field)) return readMoney(trimmed, setup.sign);
  if (field === "stock") return readStock(trimmed, setup.sign);
  if (field === "ean") return readEan(trimmed);
  if (field === "status") return readStatus(trimmed, setup.statuses);
  return readText(trimmed, LONGEST[field]);
}

/** A canonical text as it is read in the person's language: 1.234,50 or 1,234.50. */
export function shown(field, text, setup) {
  if (text === "" || !(MONEY.has(field) || field === "stock")) return text;
  const [whole, cents] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, setup.sign === "," ? "." : ",");
  return cents === undefined ? grouped : grouped + setup.sign + cents;
}

/** A canonical text as it would be typed. */
export function typed(field, text, setup) {
  return MONEY.has(field) ? text.replace(".", setup.sign) : text;
}

/** The difference of two whole figures, and a figure with a difference added, as text. */
export const difference = (mine, seen) => String(BigInt(mine) - BigInt(seen));
export const sum = (figure, delta) => String(BigInt(figure) + BigInt(delta));

/** A sentence with its `%(name)s` filled in. */
export function fill(sentence, params = {}) {
  return sentence.replace(/%\((\w+)\)s/g, (_, name) => String(params[name] ?? ""));
}
