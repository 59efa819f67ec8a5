// A block of cells as spreadsheets put it on the clipboard: tabs between cells, lines between rows, quotes around a cell
// that holds one of these.

/** The cells of a block, row by row. */
export function split(text) {
  const rows = [[]];
  let at = 0;
  const source = text.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  while (at <= source.length) {
    let cell = "";
    if (source[at] === '"' && /^"(?:[^"]|"")*"(?:[\t\n]|$)/.test(source.slice(at))) {
      const end = at + /^"(?:[^"]|"")*"/.exec(source.slice(at))[0].length;
      cell = source.slice(at + 1, end - 1).replaceAll('""', '"');
      at = end;
    } else {
      const end = source.slice(at).search(/[\t\n]/);
      cell = end < 0 ? source.slice(at) : source.slice(at, at + end);
      at += cell.length;
    }
    rows.at(-1).push(cell);
    if (source[at] === "\n") rows.push([]);
    if (at >= source.length) break;
    at += 1;
    if (at === source.length) {
      rows.at(-1).push("");
      break;
    }
  }
  return rows;
}

/** Rows of texts as a block. */
export function join(rows) {
  const quoted = (cell) => (/[\t\n"]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return rows.map((row) => row.map(quoted).join("\t")).join("\n");
}
