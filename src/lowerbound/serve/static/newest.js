// Work that is done for the newest value alone: one at a time, and what came meanwhile but for the last is
// forgotten. What a server has no time for is tried again, unless something newer came.

const TRIES = 4;

export class Newest {
  constructor(work, failed) {
    Object.assign(this, { work, failed, busy: false, waiting: undefined });
  }

  ask(value) {
    this.waiting = value;
    if (!this.busy) this.turn();
  }

  async turn() {
    this.busy = true;
    let tries = 0;
    while (this.waiting !== undefined) {
      const value = this.waiting;
      this.waiting = undefined;
      try {
        await this.work(value);
        tries = 0;
      } catch (error) {
        if (error.status !== 503 || ++tries > TRIES) this.failed(error);
        else {
          await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(Math.max(error.after, 0.5), 5)));
          this.waiting ??= value;
        }
      }
    }
    this.busy = false;
  }
}
