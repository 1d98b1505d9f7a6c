// The way to riff-web: every call carries the secret that came with the cookie.

const key = 'riff-secret';

/** Why a call failed, in the daemon's words where they are its. */
export class CallError extends Error {
  constructor(message, code = '', violations = []) {
    super(message);
    this.code = code;
    this.violations = violations;
  }
}

export const isKnown = () => localStorage.getItem(key) !== null;

/** Takes the token in the address for a cookie and a secret. Returns whether it was good. */
export async function enter(token) {
  const answer = await fetch('/api/enter', { method: 'POST', body: token });
  if (!answer.ok) return false;
  localStorage.setItem(key, (await answer.json()).secret);
  return true;
}

async function ask(path, options = {}) {
  const headers = { 'x-riff-secret': localStorage.getItem(key) ?? '' };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: 'no-store' });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new CallError('riff-web does not answer; is it still running?', 'unreachable');
  }
  if (answer.ok) return answer;
  const text = (await answer.text()).trim();
  if (answer.status === 403) {
    document.dispatchEvent(new CustomEvent('locked'));
    throw new CallError(text, 'locked');
  }
  throw new CallError(text, String(answer.status));
}

export const get = async (path) => (await ask(path)).json();
export const download = async (path) => (await ask(path)).blob();
export const post = async (path, value) => (await ask(path, { method: 'POST', body: JSON.stringify(value) })).json();

/** A message and a file in one body. */
function withFile(message, file) {
  const json = new TextEncoder().encode(JSON.stringify(message));
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, json.length, true);
  return new Blob([length.buffer, json, ...(file ? [file] : [])]);
}

/**
 * Makes a job and yields what comes of it: {event}, {samples, channels}, {picture, firstColumn}.
 * Ends when the job is done; throws a CallError where it failed.
 */
export async function* job(method, message, { file, upload = false, signal } = {}) {
  const body = upload || file ? withFile(message, file) : JSON.stringify(message);
  const answer = await ask(`/api/${method}`, { method: 'POST', body, signal });
  const reader = answer.body.getReader();
  let held = [];
  let size = 0;
  let channels = 1;
  const take = (count) => {
    const bytes = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const part = held[0];
      const piece = part.subarray(0, count - at);
      bytes.set(piece, at);
      at += piece.length;
      if (piece.length === part.length) held.shift();
      else held[0] = part.subarray(piece.length);
    }
    size -= count;
    return bytes;
  };
  let head = null;
  try {
    while (true) {
      if (!head && size >= 5) {
        const view = new DataView(take(5).buffer);
        head = { length: view.getUint32(0, true), kind: view.getUint8(4) };
      }
      if (head && size >= head.length) {
        const payload = take(head.length);
        const { kind } = head;
        head = null;
        if (kind === 2) {
          yield { samples: new Float32Array(payload.buffer), channels };
        } else if (kind === 3) {
          const firstColumn = new DataView(payload.buffer).getUint32(0, true);
          yield { picture: new Blob([payload.subarray(4)], { type: 'image/png' }), firstColumn };
        } else {
          const event = JSON.parse(new TextDecoder().decode(payload));
          if (event.ok) return;
          if (event.error) throw new CallError(event.error.message, event.error.code, event.error.violations);
          if (event.channels) channels = event.channels;
          yield { event };
        }
        continue;
      }
      const { done, value } = await reader.read();
      if (done) throw new CallError('the daemon was lost in the middle', 'unavailable');
      held.push(value);
      size += value.length;
    }
  } catch (error) {
    if (error instanceof CallError || signal?.aborted) throw error;
    throw new CallError('riff-web was lost in the middle', 'unreachable');
  } finally {
    reader.cancel().catch(() => {});
  }
}
