// From values to pixels and back, with ticks at round numbers.

function linearScale(low, high, from, to) {
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (!(high - low > 1e-9 * size)) { low -= size || 1; high += size || 1; } // floats have no ticks between them
  const scale = (value) => from + (value - low) / (high - low) * (to - from);
  scale.invert = (pixel) => low + (pixel - from) / (to - from) * (high - low);
  scale.ticks = (count) => {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(i * step);
    return ticks;
  };
  return scale;
}

// For values above 0.
function logScale(low, high, from, to) {
  if (low === high) { low /= 2; high *= 2; }
  const inner = linearScale(Math.log10(low), Math.log10(high), from, to);
  const scale = (value) => inner(Math.log10(value));
  scale.invert = (pixel) => 10 ** inner.invert(pixel);
  scale.ticks = (count) => {
    const decades = Math.log10(high / low), ticks = [];
    const factors = decades > count ? [1] : decades > 1.5 ? [1, 3] : [1, 1.5, 2, 3, 4, 5, 6, 8];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
      ticks.push(...factors.map((factor) => factor * 10 ** power).filter((tick) => tick >= low * 0.999 && tick <= high * 1.001));
    }
    const every = Math.ceil(ticks.length / (count * 1.5));
    return ticks.filter((_, i) => i % every === 0);
  };
  return scale;
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

// The middle of a set of values without its rare extremes, so that one spike does not flatten all curves.
function robustExtent(values) {
  const sorted = values.filter((value) => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  const [low, high] = [sorted[0], sorted[sorted.length - 1]];
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  const inner = at(0.98) - at(0.02) || high - low;
  return [Math.max(low, at(0.02) - inner), Math.min(high, at(0.98) + inner)];
}
