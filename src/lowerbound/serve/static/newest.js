// Work that is done for the newest value alone: one at a time, and what came meanwhile but for the last is
// forgotten.

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
    while (this.waiting !== undefined) {
      const value = this.waiting;
      this.waiting = undefined;
      try {
        await this.work(value);
      } catch (error) {
        this.failed(error);
      }
    }
    this.busy = false;
  }
}
