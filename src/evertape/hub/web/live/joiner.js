/** Feeds a `SourceBuffer`, which takes one thing at a time: what comes meanwhile is put together. */

const MOST = 24 * 1024 * 1024;

export class Joiner {
  #waiting = [];
  #bytes = 0;
  #buffer = null;
  #broken = () => null;
  #until = 0;

  /** From now on bytes go to `buffer`; `broken` is called when it takes no more. */
  open(buffer, broken) {
    this.#buffer = buffer;
    this.#broken = broken;
    buffer.addEventListener("updateend", () => this.#next());
    buffer.addEventListener("error", () => this.#broken());
    this.#next();
  }

  /** An `ArrayBuffer`, in its order. */
  add(data) {
    this.#waiting.push(new Uint8Array(data));
    this.#bytes += data.byteLength;
    if (this.#bytes > MOST) this.#broken();
    else this.#next();
  }

  /** What is before `time` may go. */
  forget(time) {
    this.#until = time;
  }

  close() {
    this.#buffer = null;
    this.#waiting = [];
    this.#bytes = 0;
    this.#broken = () => null;
  }

  #next() {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating) return;
    try {
      if (buffer.buffered.length && this.#until - buffer.buffered.start(0) > 4) {
        buffer.remove(0, this.#until);
      } else if (this.#waiting.length) {
        const whole = this.#waiting.length === 1 ? this.#waiting[0] : this.#join();
        this.#waiting = [];
        this.#bytes = 0;
        buffer.appendBuffer(whole);
      }
    } catch {
      // Full, or removed: whoever plays begins anew.
      this.#broken();
    }
  }

  #join() {
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#waiting) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
