// The sound as a landscape: one shader, a strip of textured grid, WebGL 2 by hand.

import { bands, columns, future, hop, past, shareOf } from './spectrum.js';
import { rate } from './player.js';

const vertexSource = `#version 300 es
precision highp float;
uniform sampler2D levels;     // x: band, y: column of the ring
uniform mat4 view;
uniform vec2 grid;            // cells along time and frequency
uniform float first;          // the first column that is seen, with its fraction
uniform float span;           // columns that are seen
uniform float shift;          // how far the grid lies behind the columns, as a share of what is seen
uniform vec2 extent;          // half the width and the depth
uniform float lift;
out vec3 place;               // time -1 to 1, height, frequency 0 to 1
out vec3 normal;

float level(float x, float z) {
  float column = first + x * span;
  float below = floor(column);
  float band = z * float(${bands}) - 0.5;
  float floorBand = clamp(floor(band), 0.0, float(${bands - 1}));
  int b0 = int(floorBand);
  int b1 = min(b0 + 1, ${bands - 1});
  int c0 = int(mod(below, float(${columns})));
  int c1 = int(mod(below + 1.0, float(${columns})));
  float s = fract(column);
  float t = clamp(band - floorBand, 0.0, 1.0);
  float low = mix(texelFetch(levels, ivec2(b0, c0), 0).r, texelFetch(levels, ivec2(b1, c0), 0).r, t);
  float high = mix(texelFetch(levels, ivec2(b0, c1), 0).r, texelFetch(levels, ivec2(b1, c1), 0).r, t);
  float value = mix(low, high, s);
  // It fades in at both ends, so that nothing ends like a wall.
  float edge = smoothstep(0.0, 0.05, x) * smoothstep(1.0, 0.97, x) * smoothstep(0.0, 0.02, z) * smoothstep(1.0, 0.97, z);
  return pow(value, 2.6) * edge;
}

void main() {
  float x = float(gl_VertexID >> 1) / grid.x;
  float z = (float(gl_InstanceID) + float(gl_VertexID & 1)) / grid.y;
  // Vertices stay on columns, so that ridges do not shimmer as they go by.
  x = clamp(x - shift, 0.0, 1.0);
  float here = level(x, z);
  vec2 step = vec2(1.0 / grid.x, 1.0 / grid.y);
  float dx = level(x + step.x, z) - level(x - step.x, z);
  float dz = level(x, z + step.y) - level(x, z - step.y);
  vec2 size = extent * vec2(2.0, 2.0);
  normal = normalize(vec3(-dx * lift / (2.0 * step.x * size.x), 1.0, dz * lift / (2.0 * step.y * size.y)));
  place = vec3(x * 2.0 - 1.0, here, z);
  gl_Position = view * vec4((x * 2.0 - 1.0) * extent.x, here * lift, (0.5 - z) * 2.0 * extent.y, 1.0);
}`;

const fragmentSource = `#version 300 es
precision highp float;
in vec3 place;
in vec3 normal;
uniform float head;           // the playhead, -1 to 1
uniform float isLight;
uniform float span;
uniform float phase;          // columns since a whole second, at the left
uniform float glow;
out vec4 color;

vec3 ramp(float f) {
  vec3 a = vec3(0.98, 0.18, 0.48);
  vec3 b = vec3(1.00, 0.62, 0.26);
  vec3 c = vec3(0.36, 0.86, 0.74);
  vec3 d = vec3(0.33, 0.55, 1.00);
  return f < 0.34 ? mix(a, b, f / 0.34) : f < 0.68 ? mix(b, c, (f - 0.34) / 0.34) : mix(c, d, (f - 0.68) / 0.32);
}

void main() {
  float height = place.y;
  vec3 hue = ramp(place.z);
  vec3 light = normalize(vec3(-0.45, 0.8, 0.5));
  float lit = 0.55 + 0.65 * max(0.0, dot(normalize(normal), light));
  vec3 ground = mix(vec3(0.034, 0.04, 0.068), vec3(0.945, 0.925, 0.885), isLight);
  float up = smoothstep(0.0, 0.62, height);
  vec3 dark = mix(ground, hue * mix(0.5, 0.92, isLight), smoothstep(0.0, 0.16, height) * 0.75);
  vec3 bright = mix(hue, mix(vec3(1.0), hue * 0.72, isLight), mix(0.45, 0.35, isLight) * smoothstep(0.55, 1.0, height));
  vec3 shade = mix(dark, bright, up) * mix(lit, 0.62 + 0.42 * lit, isLight);
  // Octaves and seconds, as threads in the ground.
  float column = phase + (place.x * 0.5 + 0.5) * span;
  float second = abs(fract(column / ${(rate / hop).toFixed(1)} + 0.5) - 0.5) * ${(rate / hop).toFixed(1)};
  float thread = 1.0 - smoothstep(0.0, 1.2 * fwidth(column), second);
  shade += (mix(vec3(0.32, 0.38, 0.55), vec3(-0.25), isLight)) * thread * 0.22 * (1.0 - up);
  // What is to come is dim; the playhead glows.
  float isAhead = smoothstep(head, head + 0.03, place.x);
  shade = mix(shade, mix(ground * 1.6, ground * 0.97, isLight) + hue * height * 0.22, isAhead * 0.72);
  float away = abs(place.x - head);
  float line = exp(-away * away * 9000.0) + 0.28 * exp(-away * away * 260.0);
  shade += (mix(vec3(1.0, 0.93, 0.86), vec3(-0.55, -0.75, -0.45), isLight)) * line * (0.22 + 0.8 * height) * glow;
  // Into the distance of the past.
  float fog = smoothstep(-0.55, -1.0, place.x) * 0.94;
  float far = smoothstep(0.82, 1.0, place.z) * 0.5;
  vec3 sky = mix(vec3(0.031, 0.035, 0.059), vec3(0.957, 0.945, 0.918), isLight);
  color = vec4(mix(shade, sky, max(fog, far)), 1.0);
}`;

function multiply(a, b) {
  const out = new Float32Array(16);
  for (let c = 0; c < 4; c += 1) {
    for (let r = 0; r < 4; r += 1) {
      let sum = 0;
      for (let k = 0; k < 4; k += 1) sum += a[k * 4 + r] * b[c * 4 + k];
      out[c * 4 + r] = sum;
    }
  }
  return out;
}

function perspective(angle, aspect, near, far) {
  const f = 1 / Math.tan(angle / 2);
  return new Float32Array([f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0]);
}

function look(eye, at) {
  const minus = (a, b) => a.map((v, i) => v - b[i]);
  const unit = (a) => { const l = Math.hypot(...a); return a.map((v) => v / l); };
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const z = unit(minus(eye, at));
  const x = unit(cross([0, 1, 0], z));
  const y = cross(z, x);
  return new Float32Array([x[0], y[0], z[0], 0, x[1], y[1], z[1], 0, x[2], y[2], z[2], 0, -dot(x, eye), -dot(y, eye), -dot(z, eye), 1]);
}

export class Landscape {
  #canvas;
  #gl;
  #uniforms = {};
  #matrix = null;
  #inverse = null;
  #isSoftware;
  #cells;
  #pointer = { x: 0, y: 0 };
  #lean = { x: 0, y: 0 };
  #isLost = false;
  isSettled = true;
  lift = 0.56;

  constructor(parent) {
    this.#canvas = document.createElement('canvas');
    const options = { antialias: true, alpha: false, depth: true, powerPreference: 'low-power', failIfMajorPerformanceCaveat: false };
    const trial = document.createElement('canvas').getContext('webgl2', options);
    if (!trial) throw new Error('no WebGL 2');
    const about = trial.getExtension('WEBGL_debug_renderer_info');
    const name = about ? trial.getParameter(about.UNMASKED_RENDERER_WEBGL) : '';
    this.#isSoftware = /swiftshader|llvmpipe|software|basic render/i.test(name);
    trial.getExtension('WEBGL_lose_context')?.loseContext();
    this.#gl = this.#canvas.getContext('webgl2', { ...options, antialias: !this.#isSoftware });
    // At most 16,000 triangles where the processor draws them.
    this.#cells = this.#isSoftware ? [124, 64] : [380, 128];
    this.#canvas.addEventListener('webglcontextlost', (event) => { event.preventDefault(); this.#isLost = true; });
    this.#canvas.addEventListener('webglcontextrestored', () => { this.#isLost = false; this.#prepare(); this.#stale = true; });
    this.#prepare();
    parent.append(this.#canvas);
    parent.addEventListener('pointermove', (event) => {
      if (event.pointerType !== 'mouse') return;
      const box = parent.getBoundingClientRect();
      this.#pointer = { x: (event.clientX - box.left) / box.width - 0.5, y: (event.clientY - box.top) / box.height - 0.5 };
      this.isSettled = false;
    });
  }

  #stale = true;

  /** Milliseconds between two frames, at least. */
  get interval() { return this.#isSoftware ? 50 : 0; }
  get triangles() { return this.#cells[0] * this.#cells[1] * 2; }
  get kind() { return this.#isSoftware ? 'software' : 'gpu'; }

  #prepare() {
    const gl = this.#gl;
    const program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, vertexSource], [gl.FRAGMENT_SHADER, fragmentSource]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    for (const name of ['levels', 'view', 'grid', 'first', 'span', 'extent', 'lift', 'head', 'phase', 'shift', 'isLight', 'glow']) {
      this.#uniforms[name] = gl.getUniformLocation(program, name);
    }
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.R8, bands, columns);
    for (const [name, value] of [[gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST]]) {
      gl.texParameteri(gl.TEXTURE_2D, name, value);
    }
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.bindVertexArray(gl.createVertexArray());
    gl.enable(gl.DEPTH_TEST);
  }

  draw(timeline, column, now) {
    if (this.#isLost) return;
    const gl = this.#gl;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    const scale = this.#isSoftware ? Math.min(1, 620 / width) : Math.min(devicePixelRatio || 1, 2);
    const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    if (this.#canvas.width !== w || this.#canvas.height !== h) [this.#canvas.width, this.#canvas.height] = [w, h];
    this.#upload(timeline);
    const ease = 0.08;
    this.#lean.x += (this.#pointer.x - this.#lean.x) * ease;
    this.#lean.y += (this.#pointer.y - this.#lean.y) * ease;
    this.isSettled = Math.hypot(this.#pointer.x - this.#lean.x, this.#pointer.y - this.#lean.y) < 0.003;
    this.#camera(width, height);
    const isLight = matchMedia('(prefers-color-scheme: light)').matches ? 1 : 0;
    const u = this.#uniforms;
    gl.viewport(0, 0, w, h);
    gl.clearColor(...(isLight ? [0.957, 0.945, 0.918, 1] : [0.031, 0.035, 0.059, 1]));
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const perSecond = rate / hop;
    const span = (past + future) * perSecond;
    gl.uniform1i(u.levels, 0);
    gl.uniformMatrix4fv(u.view, false, this.#matrix);
    gl.uniform2f(u.grid, ...this.#cells);
    // Never below zero: the ring's columns before the first are empty.
    gl.uniform1f(u.first, ((column - past * perSecond) % columns + columns) % columns);
    gl.uniform1f(u.span, span);
    const left = column - past * perSecond;
    const cell = span / this.#cells[0];
    gl.uniform1f(u.shift, (((left % cell) + cell) % cell) / span);
    gl.uniform1f(u.phase, ((left % perSecond) + perSecond) % perSecond);
    gl.uniform2f(u.extent, this.extent.x, this.extent.z);
    gl.uniform1f(u.lift, this.lift);
    gl.uniform1f(u.head, -1 + (2 * past) / (past + future));
    gl.uniform1f(u.isLight, isLight);
    gl.uniform1f(u.glow, timeline.end > 0 ? 1 : 0.35);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 2 * (this.#cells[0] + 1), this.#cells[1]);
  }

  #upload(timeline) {
    const gl = this.#gl;
    const from = this.#stale ? Math.max(0, timeline.end - columns + 200) : Math.max(timeline.changed, timeline.end - columns);
    this.#stale = false;
    // The empty columns after the end, too.
    const until = timeline.end + Math.round(future * rate / hop) + 2;
    let at = from;
    while (at < until) {
      const row = at % columns;
      const count = Math.min(until - at, columns - row);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, row, bands, count, gl.RED, gl.UNSIGNED_BYTE, timeline.levels, row * bands);
      at += count;
    }
  }

  #camera(width, height) {
    const aspect = width / height;
    const isNarrow = aspect < 1.1;
    this.extent = { x: isNarrow ? 1.15 : 1.75, z: isNarrow ? 0.95 : 0.9 };
    const eye = isNarrow ? [0.2, 1.75, 2.75] : [0.34, 1.5, 2.62];
    eye[0] += this.#lean.x * 0.5;
    eye[1] -= this.#lean.y * 0.35;
    const at = isNarrow ? [0.02, 0.3, 0] : [0.06, 0.24, 0.05];
    // Wide enough for both ends of the front edge, whatever the window's shape.
    const far = Math.hypot(...eye.map((value, i) => value - at[i]));
    const angle = 2 * Math.atan(Math.max(0.36, (this.extent.x * (isNarrow ? 1.08 : 1.14)) / ((far - this.extent.z * 0.8) * aspect)));
    const camera = look(eye, at);
    this.eye = eye;
    this.#matrix = multiply(perspective(angle, aspect, 0.1, 20), camera);
    this.#size = { width, height };
  }

  #size = { width: 1, height: 1 };

  #project(x, y, z) {
    const m = this.#matrix;
    if (!m) return null;
    const w = m[3] * x + m[7] * y + m[11] * z + m[15];
    if (w <= 0) return null;
    const px = (m[0] * x + m[4] * y + m[8] * z + m[12]) / w;
    const py = (m[1] * x + m[5] * y + m[9] * z + m[13]) / w;
    return { x: (px * 0.5 + 0.5) * this.#size.width, y: (0.5 - py * 0.5) * this.#size.height };
  }

  #timeToX(offset) { return ((offset + past) / (past + future) * 2 - 1) * this.extent.x; }

  atFrequency(hertz) {
    const share = shareOf(hertz);
    return this.#project(this.extent.x * 1.015, 0, (0.5 - share) * 2 * this.extent.z);
  }

  atSecond(offset) {
    const point = this.#project(this.#timeToX(offset), 0, this.extent.z * 1.05);
    if (point) point.alpha = offset < -past * 0.8 ? 0 : 1;
    return point;
  }

  atFlag(offset) {
    const point = this.#project(this.#timeToX(offset), 0.02, -this.extent.z * 1.02);
    if (point) point.alpha = Math.max(0, Math.min(1, (offset + past) / 1.5));
    return point;
  }

  /** Seconds from the playhead of the place on the ground at a point; null where there is none. */
  secondsAt(x, y) {
    // The ground line through the point: search along time at the middle, then refine by depth.
    let best = null;
    for (let z = -1; z <= 1; z += 0.125) {
      for (let i = 0; i <= 200; i += 1) {
        const offset = -past + (i / 200) * (past + future);
        const point = this.#project(this.#timeToX(offset), 0, z * this.extent.z);
        if (!point) continue;
        const far = Math.hypot(point.x - x, point.y - y);
        if (!best || far < best.far) best = { far, offset };
      }
    }
    return best && best.far < 60 ? best.offset : null;
  }
}
