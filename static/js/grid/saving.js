// Sending what changed: one request at a time, whatever is waiting goes with the next. A request that got no answer is
// sent again with the same key, so that it takes effect once.
const PAUSES = [400, 1500, 4000];

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Saver extends EventTarget {
  constructor(store, setup) {
    super();
    Object.assign(this, { store, setup, busy: false, wanted: new Set() });
  }

  /** Save these rows, by default all that changed. */
  async save(rows = this.store.dirty) {
    for (const row of rows) this.wanted.add(row);
    if (this.busy) return;
    this.busy = true;
    try {
      for (let batch = this.next(); batch.length; batch = this.next()) if (!(await this.send(batch))) break;
    } finally {
      this.wanted.clear();
      this.busy = false;
      this.dispatchEvent(new Event("rest"));
    }
  }

  next() {
    const batch = this.store.ready(this.wanted).slice(0, this.setup.most);
    for (const row of batch) this.wanted.delete(row);
    return batch;
  }

  async send(batch) {
    const body = JSON.stringify({ rows: this.store.send(batch) });
    const key = crypto.getRandomValues(new Uint32Array(5)).join("-");
    const failed = (message) => {
      this.store.unsent(batch);
      this.dispatchEvent(new CustomEvent("failed", { detail: message }));
      return false;
    };
    for (let attempt = 0; ; attempt++) {
      const answer = await post(this.setup.save, body, this.setup.token, key);
      if (answer.data) {
        this.store.answered(answer.data.rows, this.store.setup.fields);
        this.dispatchEvent(new CustomEvent("saved", { detail: answer.data.rows }));
        return true;
      }
      if (!answer.again || attempt >= PAUSES.length) return failed(answer.message || this.setup.words.not_sent);
      await wait(PAUSES[attempt]);
    }
  }
}

/** POST JSON; `{data}`, or `{message}` why not, and whether trying `again` makes sense. */
export async function post(address, body, token, key = null) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token };
  if (key) headers["Idempotency-Key"] = key;
  try {
    const answer = await fetch(address, { method: "POST", body, headers, redirect: "manual" });
    if (answer.ok) return { data: await answer.json() };
    if (answer.type === "opaqueredirect") return { signedOut: true, message: "" };
    const said = await answer.json().catch(() => ({}));
    return { again: answer.status === 503 || said.code === "idempotency_in_progress", message: said.detail ?? "" };
  } catch {
    return { again: true, message: "" };
  }
}
