// Music that does not stop: one Jam call, changed while it plays.

import { job, post } from './api.js';

const turn = 5760;

export class Jam {
  #abort = null;
  #id = null;
  #player;
  #told;
  #base = 0;
  #changes = new Map();
  #next = 1;
  #timer = 0;
  #held = null;
  #sending = Promise.resolve();

  /** @param told as that of Pieces, and `changed({at, prompts, seed})`. */
  constructor(player, told) {
    this.#player = player;
    this.#told = told;
  }

  get isRunning() { return this.#abort !== null; }

  /**
   * Starts, in place of what plays.
   * @param generate GenerateRequest's fields without a prompt
   * @param prompts `[{prompt, weight}]`
   * @returns whether the daemon has jams at all
   */
  async play(generate, prompts) {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    let at = null;
    try {
      for await (const { event, samples, channels } of job('jam', { generate, prompts }, { signal: abort.signal })) {
        if (abort.signal.aborted) return true;
        if (event?.jam) this.#open(event.jam);
        if (event?.warning) this.#told.warning(event.warning);
        if (event?.take) this.#told.take(event.take);
        if (event?.started) {
          this.started = event.started;
          this.#told.using(event.started);
        }
        if (event?.change) this.#heard(event.change);
        if (!samples) continue;
        if (at === null) {
          const isPlaying = this.#player.ahead > 0.05;
          at = this.#player.soonest;
          this.#base = at;
          this.#player.push(samples, channels, { at, fade: isPlaying ? turn : 0 });
          this.#player.expect(true);
          this.#told.begun({ at, prompt: title(prompts), seed: this.started?.seed ?? '', settings: this.started?.settings ?? [] });
        } else this.#player.push(samples, channels);
      }
      if (this.#abort === abort) this.#player.expect(false);
    } catch (error) {
      if (abort.signal.aborted) return true;
      if (error.code === 'unimplemented') return false;
      this.#player.expect(false);
      this.#told.failed(error);
    } finally {
      if (this.#abort === abort) this.#close();
    }
    return true;
  }

  /** JamChange's fields; what is sent while another change is on its way is joined to one. */
  change(fields) {
    this.#held = { ...this.#held, ...fields };
    this.#sending = this.#sending.then(async () => {
      if (!this.#held || !this.#id) return;
      const change = { ...this.#held, id: this.#next };
      this.#held = null;
      this.#changes.set(this.#next, { fields: change, asked: performance.now() });
      this.#next += 1;
      try {
        await post(`/api/jam/${this.#id}`, { change });
      } catch (error) {
        if (this.#abort) this.#told.warning(error.message);
      }
      // A surface that is dragged sends four a second, no more.
      await new Promise((done) => { setTimeout(done, 250); });
    });
  }

  /** Ends on a beat. */
  async end() {
    if (this.#id) await post(`/api/jam/${this.#id}`, { stop: {} }).catch(() => {});
  }

  stop() {
    this.#abort?.abort();
    this.#close();
  }

  #open(id) {
    this.#id = id;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      const played = Math.floor(this.#player.position) - this.#base;
      if (played > 0 && this.#id) post(`/api/jam/${this.#id}`, { playedSamples: String(played) }).catch(() => {});
    }, 250);
  }

  #close() {
    this.#abort = null;
    this.#id = null;
    this.#held = null;
    this.#changes.clear();
    clearInterval(this.#timer);
  }

  #heard({ id, sample }) {
    const change = this.#changes.get(id);
    this.#changes.delete(id);
    if (!change) return;
    const at = this.#base + Number(sample ?? 0);
    this.#told.changed({ at, fields: change.fields, asked: change.asked });
  }
}

/** What a set of prompts is called. */
export function title(prompts) {
  if (prompts.length === 1) return prompts[0].prompt;
  const sum = prompts.reduce((total, each) => total + each.weight, 0);
  return [...prompts].sort((a, b) => b.weight - a.weight).filter((each) => each.weight / sum > 0.08)
    .map((each) => `${each.prompt} ${Math.round((100 * each.weight) / sum)}%`).join(' · ');
}
