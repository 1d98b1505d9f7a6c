// Music piece after piece: each is a Generate of its own, the next one is made while the last one plays.

import { job } from './api.js';
import { rate } from './player.js';

// Frames over which a piece fades into the next, and other music into what it replaces.
const seam = 4800;
const turn = 5760;
// Seconds of sound that are left when the next piece is asked for.
const lead = 3;

export class Pieces {
  #abort = null;
  #player;
  #settings;
  #told;
  /** The sound of the last piece, where it was a loop. */
  #round = [];

  /**
   * @param told has `begun({at, prompt, seed, settings, pictures})`, `take(id)`, `next()` (the prompt that
   *   comes, or null to end), `hasNext()` (whether another one waits for its turn), `failed(error)`, `warning(text)`.
   */
  constructor(player, settings, told) {
    this.#player = player;
    this.#settings = settings;
    this.#told = told;
  }

  get isRunning() { return this.#abort !== null; }

  /** Plays a prompt as soon as it can be heard, in place of what plays, then what `told.next` says. */
  async play(prompt, request = null) {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    let isNew = true;
    let wanted = { prompt, request };
    try {
      while (wanted && !abort.signal.aborted) {
        await this.#piece(wanted, isNew, abort.signal);
        isNew = false;
        await this.#until(lead, abort.signal);
        if (abort.signal.aborted) break;
        const next = this.#told.next();
        // A loop goes round until something else is asked for; it joins its own beginning to the sample.
        while (next === wanted.prompt && this.#round.length > 0 && !this.#told.hasNext() && !abort.signal.aborted) {
          for (const { samples, channels } of this.#round) this.#player.push(samples, channels);
          await this.#until(lead, abort.signal);
        }
        if (abort.signal.aborted) break;
        const then = this.#told.hasNext() ? this.#told.next() : next;
        wanted = then === null ? null : { prompt: then, request: null };
      }
      if (this.#abort === abort) this.#player.expect(false);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#player.expect(false);
      this.#told.failed(error);
    } finally {
      if (this.#abort === abort) this.#abort = null;
    }
  }

  /** Waits until no more than so many seconds of sound are left. */
  async #until(seconds, signal) {
    while (this.#player.ahead > seconds && !signal.aborted) await new Promise((done) => { setTimeout(done, 100); });
  }

  stop() {
    this.#abort?.abort();
    this.#abort = null;
  }

  async #piece({ prompt, request }, isNew, signal) {
    const player = this.#player;
    const message = request ?? { ...this.#settings.pieceRequest(), prompt };
    this.#round = [];
    // Longer ones have no picture.
    const seconds = message.durationSeconds ?? (message.bars ? message.bars * 240 / message.bpm : 0);
    let started = null;
    let at = null;
    const pictures = [];
    for await (const { event, samples, channels, picture } of job('generate', { wantSpectrogram: seconds <= 600, ...message }, { signal })) {
      if (signal.aborted) return;
      if (event?.started) started = event.started;
      if (event?.warning) this.#told.warning(event.warning);
      if (event?.take) this.#told.take(event.take);
      if (picture) pictures.push(picture);
      if (!samples) continue;
      if (message.loop) this.#round.push({ samples, channels });
      if (at === null) {
        const isPlaying = player.ahead > 0.05;
        at = isNew ? player.soonest : player.written;
        if (!isNew && isPlaying) at -= Math.min(seam, Math.floor(player.ahead * rate / 2));
        const fade = !isPlaying ? 0 : isNew ? turn : seam;
        player.push(samples, channels, { at, fade });
        player.expect(true);
        this.#told.begun({ at, prompt, seed: started?.seed ?? '', settings: started?.settings ?? [], pictures });
      } else player.push(samples, channels);
    }
  }
}
