// Small help with the document.

export const $ = (id) => document.getElementById(id);

/** An element: h('p', {class: 'x', onclick: f}, 'text', child). Text is never read as HTML. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== 'list' && typeof value !== 'string') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Seconds as people read them: 4.2 s, 1:05. */
export function time(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

let clearing = 0;
let standing = '';

/** Says something in a line that goes away by itself, and then what `stays` again; nothing ('') ends both. */
export function notice(text, stays = false) {
  if (stays || !text) standing = text;
  const show = (words) => {
    const line = $('notice');
    line.textContent = words;
    line.hidden = !words;
  };
  clearTimeout(clearing);
  show(text);
  if (text && !stays) clearing = setTimeout(() => show(standing), 9000);
}
