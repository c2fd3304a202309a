/** Medians and spreads: one slow or lucky run must not move a figure, and the spread says how noisy the machine was. */

export function median(values) {
  return percentile(values, 50);
}

/** The nearest rank; with an even number of values the median is the mean of the middle two. */
function percentile(values, percent) {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length / 2;
  if (percent === 50 && Number.isInteger(middle)) return (sorted[middle - 1] + sorted[middle]) / 2;
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
}

/**
 * A run that failed is NaN, and stays out of all but `runs`.
 *
 * @returns {{median: number, min: number, max: number, runs: number[]}}
 */
export function summary(values) {
  const taken = values.filter(Number.isFinite);
  return { median: median(taken), min: Math.min(...taken), max: Math.max(...taken), runs: values };
}

/**
 * Of figures taken in turn, round by round: the median of the ratios of each
 * round. Pairing keeps a ratio meaningful while the machine's speed drifts.
 */
export function pairedRatio(ours, theirs) {
  return median(ours.map((value, round) => value / theirs[round]).filter(Number.isFinite));
}
