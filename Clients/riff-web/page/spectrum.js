// Samples to columns of a picture: how loud each band is, 50 times a second.

const size = 4096;
/** Samples a column. */
export const hop = 960;
/** Bands of a column, from low to high. */
export const bands = 128;
/** Columns that the timeline keeps, a power of two: 20 s. */
export const columns = 1024;
/** Seconds that are seen before and after the playhead. */
export const past = 7.5;
export const future = 2.5;
const lowest = 45;
const highest = 11000;
// Between mel and logarithm: even steps of log(f + bend) lie as notes do above it, and give the bass room.
const bend = 160;

/** The frequency at a share of the height, in hertz. */
export function frequencyAt(share) {
  const [low, high] = [Math.log(lowest + bend), Math.log(highest + bend)];
  return Math.exp(low + (high - low) * share) - bend;
}

/** The share of the height at which a frequency lies. */
export function shareOf(hertz) {
  const [low, high] = [Math.log(lowest + bend), Math.log(highest + bend)];
  return (Math.log(hertz + bend) - low) / (high - low);
}

const half = size / 2;
const window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
const cosine = Float32Array.from({ length: half }, (_, i) => Math.cos((-2 * Math.PI * i) / size));
const sine = Float32Array.from({ length: half }, (_, i) => Math.sin((-2 * Math.PI * i) / size));
const reversed = Uint16Array.from({ length: half }, (_, i) => {
  let value = 0;
  for (let bit = 0, rest = i; bit < 11; bit += 1, rest >>= 1) value = (value << 1) | (rest & 1);
  return value;
});
const edges = Float32Array.from({ length: bands + 1 }, (_, i) => (frequencyAt(i / bands) * size) / 48000);

const real = new Float32Array(half);
const imaginary = new Float32Array(half);
const power = new Float32Array(half + 1);

/** Power of the real transform of `size` samples, two samples as one complex number. */
function transform(samples) {
  for (let i = 0; i < half; i += 1) {
    const j = reversed[i];
    real[j] = samples[2 * i] * window[2 * i];
    imaginary[j] = samples[2 * i + 1] * window[2 * i + 1];
  }
  for (let span = 1; span < half; span *= 2) {
    const stride = half / span;
    for (let k = 0; k < span; k += 1) {
      const wr = cosine[k * stride];
      const wi = sine[k * stride];
      for (let i = k; i < half; i += 2 * span) {
        const j = i + span;
        const tr = real[j] * wr - imaginary[j] * wi;
        const ti = real[j] * wi + imaginary[j] * wr;
        real[j] = real[i] - tr;
        imaginary[j] = imaginary[i] - ti;
        real[i] += tr;
        imaginary[i] += ti;
      }
    }
  }
  for (let k = 0; k <= half; k += 1) {
    const a = k % half;
    const b = (half - k) % half;
    const er = (real[a] + real[b]) / 2;
    const ei = (imaginary[a] - imaginary[b]) / 2;
    const or = (imaginary[a] + imaginary[b]) / 2;
    const oi = (real[b] - real[a]) / 2;
    const c = k < half ? cosine[k] : -1;
    const s = k < half ? sine[k] : 0;
    const re = er + or * c - oi * s;
    const im = ei + or * s + oi * c;
    power[k] = re * re + im * im;
  }
}

/** A sound's columns, as the sound comes. */
export class Spectrum {
  #frame = new Float32Array(size);
  #held = 0;
  #loudest = 0.02;
  /** The column that comes next. */
  column = 0;

  /** Begins anew at a column: what is before it is silence. */
  restart(column) {
    this.#frame.fill(0);
    this.#held = 0;
    this.column = column;
  }

  /** Takes samples; calls `take(column, levels)`, levels 0 to 255 from low to high, for each hop. */
  push(left, right, take) {
    let at = 0;
    while (at < left.length) {
      const count = Math.min(hop - this.#held, left.length - at);
      if (this.#held === 0) this.#frame.copyWithin(0, hop);
      const base = size - hop + this.#held;
      for (let i = 0; i < count; i += 1) this.#frame[base + i] = (left[at + i] + right[at + i]) / 2;
      this.#held += count;
      at += count;
      if (this.#held < hop) break;
      this.#held = 0;
      take(this.column, this.#levels());
      this.column += 1;
    }
  }

  #levels() {
    transform(this.#frame);
    const levels = new Uint8Array(bands);
    let loudest = 0;
    const found = new Float32Array(bands);
    for (let band = 0; band < bands; band += 1) {
      const low = edges[band];
      const high = edges[band + 1];
      let peak = 0;
      if (high - low < 1.5) {
        const middle = (low + high) / 2;
        const k = Math.floor(middle);
        peak = power[k] + (power[k + 1] - power[k]) * (middle - k);
      } else {
        for (let k = Math.floor(low); k <= high; k += 1) peak = Math.max(peak, power[k]);
      }
      // Music falls towards the treble; the eye wants it level.
      found[band] = Math.sqrt(peak) / (size / 4) * Math.sqrt(0.25 + (2.2 * band) / bands);
      loudest = Math.max(loudest, found[band]);
    }
    this.#loudest = Math.max(0.02, loudest, this.#loudest * 0.9985);
    for (let band = 0; band < bands; band += 1) {
      const decibels = 20 * Math.log10(found[band] / this.#loudest + 1e-6);
      const level = Math.max(0, 1 + decibels / 48);
      levels[band] = Math.round(255 * level);
    }
    return levels;
  }
}
