// A MIDI controller, where the browser has MIDI: the modulation wheel is the strength, two more move the cursor.

import { notice } from './dom.js';

export async function useMIDI({ cursor, strength }) {
  if (!navigator.requestMIDIAccess) {
    notice('This browser has no MIDI; Chromium has.');
    return;
  }
  let access;
  notice('The browser asks whether this page may use MIDI.');
  try {
    access = await navigator.requestMIDIAccess();
  } catch {
    notice('The browser does not let this page use MIDI.');
    return;
  }
  const places = new Map();
  const hear = ({ data }) => {
    const [status, controller, value] = data;
    if ((status & 0xf0) !== 0xb0) return;
    if (controller === 1) strength(0.1 + (0.9 * value) / 127);
    else {
      // The first two other controllers that move are across and up.
      if (!places.has(controller) && places.size < 2) places.set(controller, places.size === 0 ? 'x' : 'y');
      const axis = places.get(controller);
      if (axis === 'x') cursor({ x: value / 127 });
      if (axis === 'y') cursor({ y: 1 - value / 127 });
    }
  };
  const listen = () => {
    for (const input of access.inputs.values()) input.onmidimessage = hear;
  };
  access.onstatechange = listen;
  listen();
  const names = [...access.inputs.values()].map((input) => input.name).join(', ');
  notice(names ? `Listening to ${names}: modulation is the denoising, the next two controllers move the cursor.`
    : 'No MIDI controller is connected; one that you connect now is heard.');
}
