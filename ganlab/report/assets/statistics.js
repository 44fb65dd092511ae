// Student's t, the interval of a mean, two means compared, Holm's correction: as in ganlab/report/statistics.py.

function logGamma(x) { // Lanczos, g = 7, n = 9
  const c = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const t = x + 6.5;
  const sum = c.slice(1).reduce((total, term, i) => total + term / (x + i), c[0]);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

// Regularised incomplete beta function by Lentz's continued fraction.
function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const guard = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1, d = 1 / guard(1 - (a + b) * x / (a + 1)), f = d;
  for (let m = 1; m < 500; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guard(1 + even * d); c = guard(1 + even / c); f *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guard(1 + odd * d); c = guard(1 + odd / c); f *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return front * f;
}

function twoSided(t, freedom) {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

// The t that |T| exceeds with a probability of 1 - level.
function criticalT(level, freedom) {
  let low = 0, high = 1;
  while (twoSided(high, freedom) > 1 - level) high *= 2;
  for (let i = 0; i < 100 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (twoSided(middle, freedom) > 1 - level) low = middle; else high = middle;
  }
  return (low + high) / 2;
}

const mean = (x) => x.reduce((total, value) => total + value, 0) / x.length;

function variance(x) {
  const centre = mean(x);
  return x.reduce((total, value) => total + (value - centre) ** 2, 0) / (x.length - 1);
}

function meanOverSeeds(values) {
  const n = values.length;
  if (!n) return null;
  const error = n < DATA.least ? 0 : Math.sqrt(variance(values) / n);
  return { value: mean(values), half: isSpread(error, values) ? criticalT(DATA.level, n - 1) * error : null, n };
}

// Whether values differ by more than rounding.
const isSpread = (error, values) => error > 1e-12 * Math.max(...values.map(Math.abs));

// first, second: Map from seed to value. Paired where the seeds are the same, else Welch.
function difference(first, second) {
  const a = [...first.values()], b = [...second.values()];
  const result = { value: mean(a) - mean(b), n: [a.length, b.length], test: null, half: null, p: null };
  if (Math.min(a.length, b.length) < DATA.least) return result;
  let test = "Welch", freedom, error;
  if (a.length === b.length && [...first.keys()].every((seed) => second.has(seed))) {
    const gaps = [...first].map(([seed, value]) => value - second.get(seed));
    test = "paired"; freedom = gaps.length - 1; error = Math.sqrt(variance(gaps) / gaps.length);
  } else {
    const u = variance(a) / a.length, v = variance(b) / b.length;
    freedom = (u + v) ** 2 / (u * u / (a.length - 1) + v * v / (b.length - 1)); error = Math.sqrt(u + v);
  }
  if (!isSpread(error, [...a, ...b])) return result;
  return { ...result, test, half: criticalT(DATA.level, freedom) * error, p: twoSided(result.value / error, freedom) };
}

function holm(p) {
  const order = p.map((_, i) => i).sort((i, j) => p[i] - p[j]), adjusted = [];
  let largest = 0;
  order.forEach((i, rank) => { adjusted[i] = largest = Math.max(largest, Math.min(1, (p.length - rank) * p[i])); });
  return adjusted;
}
