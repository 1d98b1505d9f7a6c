// The audio context and the ring in it; where the playhead is; what is seen of the sound.

export const rate = 48000;
// Frames between a decision here and the moment at which the audio thread may act on it.
const margin = 4800;

export class Player extends EventTarget {
  #context = null;
  #ring = null;
  #state = { read: 0, write: 0, first: 0, underruns: 0, lost: 0, moves: false, when: 0 };
  #probes = [];
  /** Frames pushed so far: where the next piece of sound begins. */
  written = 0;
  isPaused = false;
  isExpecting = false;

  get isStarted() { return this.#context !== null; }
  get underruns() { return this.#state.underruns; }
  get first() { return this.#state.first; }
  get contextState() { return this.#context?.state ?? 'none'; }

  /** Must be called from a gesture the first time. */
  async start() {
    if (!this.#context) {
      const context = new AudioContext({ sampleRate: rate, latencyHint: 'balanced' });
      this.#context = context;
      context.addEventListener('statechange', () => this.#contextChanged());
      this.ready = context.audioWorklet.addModule('/ring.js').then(() => {
        const ring = new AudioWorkletNode(context, 'ring', { numberOfInputs: 0, outputChannelCount: [2] });
        ring.port.onmessage = ({ data }) => this.#hear(data);
        this.#ring = ring;
        this.gain = new GainNode(context, { gain: this.volume ?? 1 });
        ring.connect(this.gain).connect(context.destination);
        if (this.isExpecting) ring.port.postMessage({ do: 'expect', value: true });
      });
    }
    await Promise.all([this.#context.resume(), this.ready]);
  }

  /** How long until what is played now is in the air, in seconds. */
  get latency() { return (this.#context?.outputLatency || 0) + (this.#context?.baseLatency || 0); }

  /** The frame that is heard now, between two messages of the audio thread. */
  get position() {
    const { read, write, moves, when } = this.#state;
    if (!this.#context || !moves || this.#context.state !== 'running') return read;
    return Math.min(write, read + Math.max(0, this.#context.currentTime - when) * rate);
  }

  get isMoving() { return this.#state.moves && this.#context?.state === 'running'; }

  /** Seconds of sound that are there and not heard yet. */
  get ahead() { return (this.written - this.position) / rate; }

  /** The earliest frame at which other sound can begin. */
  get soonest() { return Math.min(this.written, Math.ceil(this.position) + margin); }

  /** Appends interleaved samples. With `at`, they begin there and fade in over what was there. */
  push(samples, channels, { at = this.written, fade = 0 } = {}) {
    const count = samples.length / channels;
    const left = new Float32Array(count);
    const right = channels === 2 ? new Float32Array(count) : left;
    if (channels === 2) {
      for (let i = 0; i < count; i += 1) { left[i] = samples[2 * i]; right[i] = samples[2 * i + 1]; }
    } else left.set(samples);
    this.written = at + count;
    this.dispatchEvent(new CustomEvent('samples', { detail: { at, left, right } }));
    const message = { do: 'push', at, fade, left, right };
    this.#send(message);
  }

  /** Whether more sound is due: running out of it is an underrun then. */
  expect(value) {
    this.isExpecting = value;
    this.#ring?.port.postMessage({ do: 'expect', value });
  }

  pause(value) {
    this.isPaused = value;
    this.#send({ do: 'pause', value });
    if (!value) this.#context?.resume();
  }

  jump(frame) { this.#send({ do: 'jump', to: Math.round(frame) }); }

  /** The next `count` frames of the left channel as the audio thread plays them, and the first one's number. */
  async listen(count) {
    await this.ready;
    return new Promise((resolve) => {
      this.#probes.push(resolve);
      this.#send({ do: 'listen', count });
    });
  }

  setVolume(value) {
    this.volume = value;
    if (this.gain) this.gain.gain.setTargetAtTime(value, this.#context.currentTime, 0.02);
  }

  get context() { return this.#context; }

  async #send(message) {
    if (!this.#ring) await this.ready;
    this.#ring?.port.postMessage(message);
  }

  #hear(data) {
    if (data.heard) {
      this.#probes.shift()?.(data);
      return;
    }
    const moved = data.moves && !this.#state.moves;
    const ran = data.underruns > this.#state.underruns;
    this.#state = data;
    if (moved) this.dispatchEvent(new Event('begin'));
    if (ran) this.dispatchEvent(new Event('underrun'));
  }

  #contextChanged() {
    this.dispatchEvent(new CustomEvent('context', { detail: this.#context.state }));
  }
}
