// The sound's last metre: a ring of samples on the audio thread. Frames are counted from the page's first sound
// on, at 48 kHz; a piece of sound says at which frame it begins, and is crossfaded with what was there.

const history = 20 * 48000;
// Frames there must be before it begins; more after each underrun, below the half second that a daemon runs ahead.
const lead = 4800;
const longestLead = 16800;
const ramp = 240;

class Ring extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = 1 << 21;
    this.left = new Float32Array(this.size);
    this.right = new Float32Array(this.size);
    this.read = 0;
    this.write = 0;
    this.first = 0;
    this.isExpecting = false;
    this.isWaiting = true;
    this.isPlaying = true;
    this.gain = 0;
    this.underruns = 0;
    this.lead = lead;
    this.lost = 0;
    this.said = 0;
    this.seek = null;
    this.probe = null;
    this.last = [0, 0];
    this.port.onmessage = ({ data }) => this[data.do](data);
  }

  /** Samples from frame `at` on, mixed over `fade` frames with those there are; what was beyond is gone. */
  push({ at, fade, left, right }) {
    const count = left.length;
    this.reserve(at + count);
    const mask = this.size - 1;
    const mixed = Math.max(0, Math.min(fade, this.write - at, count));
    for (let i = 0; i < count; i += 1) {
      const index = (at + i) & mask;
      if (i < mixed) {
        const share = (i + 0.5) / mixed;
        const [fadeOut, fadeIn] = [Math.cos(share * Math.PI / 2), Math.sin(share * Math.PI / 2)];
        this.left[index] = this.left[index] * fadeOut + left[i] * fadeIn;
        this.right[index] = this.right[index] * fadeOut + right[i] * fadeIn;
      } else {
        this.left[index] = left[i];
        this.right[index] = right[i];
      }
    }
    this.write = at + count;
  }

  expect({ value }) {
    this.isExpecting = value;
    if (!value) this.isWaiting = this.isWaiting && this.write <= this.read;
  }

  pause({ value }) { this.isPlaying = !value; }

  jump({ to }) { this.seek = Math.max(this.first, Math.min(to, this.write)); }

  /** Returns the next `count` frames as they are heard. */
  listen({ count }) { this.probe = { left: new Float32Array(count), at: 0, from: -1 }; }

  reserve(end) {
    this.first = Math.max(this.first, end - this.size, Math.min(this.read, end) - history);
    const needed = end - Math.min(this.read, Math.max(0, this.read - history));
    if (needed <= this.size) return;
    let size = this.size;
    while (size < needed && size < 1 << 27) size *= 2;
    const [left, right] = [new Float32Array(size), new Float32Array(size)];
    for (let i = Math.max(this.first, this.write - this.size); i < this.write; i += 1) {
      left[i & (size - 1)] = this.left[i & (this.size - 1)];
      right[i & (size - 1)] = this.right[i & (this.size - 1)];
    }
    [this.left, this.right, this.size] = [left, right, size];
  }

  process(_, outputs) {
    const [left, right] = outputs[0];
    const mask = this.size - 1;
    if (this.isWaiting && this.isPlaying
      && (this.write - this.read >= this.lead || (!this.isExpecting && this.write > this.read))) {
      this.isWaiting = false;
    }
    for (let i = 0; i < left.length; i += 1) {
      const wants = this.isPlaying && !this.isWaiting && this.seek === null;
      if (wants && this.read < this.write) {
        this.gain = Math.min(1, this.gain + 1 / ramp);
        this.last[0] = this.left[this.read & mask];
        this.last[1] = this.right[this.read & mask];
        left[i] = this.last[0] * this.gain;
        right[i] = this.last[1] * this.gain;
        if (this.probe && this.gain === 1) this.note(this.last[0]);
        this.read += 1;
      } else {
        if (wants) {
          this.isWaiting = true;
          if (this.isExpecting) {
            this.underruns += 1;
            this.lead = Math.min(longestLead, this.lead + lead);
          }
        }
        // Down without a click, on the last sample's level or on what comes next.
        this.gain = Math.max(0, this.gain - 1 / ramp);
        const follows = this.isPlaying === false || this.seek !== null;
        if (follows && this.gain > 0 && this.read < this.write) {
          this.last[0] = this.left[this.read & mask];
          this.last[1] = this.right[this.read & mask];
          this.read += 1;
        }
        left[i] = this.last[0] * this.gain;
        right[i] = this.last[1] * this.gain;
        if (this.gain === 0 && this.seek !== null) {
          this.read = this.seek;
          this.seek = null;
          this.isWaiting = false;
        }
        if (this.isWaiting && this.isExpecting) this.lost += 1;
      }
    }
    if (currentFrame - this.said >= 1024) {
      this.said = currentFrame;
      this.port.postMessage({
        read: this.read, write: this.write, first: this.first, underruns: this.underruns, lost: this.lost,
        moves: this.isPlaying && !this.isWaiting, when: currentTime,
      });
    }
    return true;
  }

  note(sample) {
    const { probe } = this;
    if (probe.from < 0) probe.from = this.read;
    probe.left[probe.at] = sample;
    probe.at += 1;
    if (probe.at < probe.left.length) return;
    this.port.postMessage({ heard: probe.left, from: probe.from });
    this.probe = null;
  }
}

registerProcessor('ring', Ring);

/** What the microphone hears, block by block. */
class Tap extends AudioWorkletProcessor {
  process([channels]) {
    if (channels?.length) this.port.postMessage(channels[0].slice());
    return true;
  }
}

registerProcessor('tap', Tap);
