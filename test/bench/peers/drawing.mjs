/** The comparison that docs/performance.md and the README show. */

import { barCharts, short } from '../lib/index.mjs';

const CHARTS = [
  { figure: 'up', title: 'One stream up, Gbit/s (more is better)' },
  { figure: 'down', title: 'One stream down, Gbit/s (more is better)' },
  { figure: 'upCpu', title: 'CPU up, seconds per GB (less is better)' },
  { figure: 'downCpu', title: 'CPU down, seconds per GB (less is better)' },
  { figure: 'rrP50', title: '64 bytes there and back, median in µs (less is better)' },
  { figure: 'crr8', title: 'Connections per second, eight clients (more is better)' },
];

/** @param report as it is published: docs/performance.json */
export function drawing({ machine, rounds, figures }) {
  const charts = CHARTS.map(({ figure, title }) => ({
    title,
    rows: Object.entries(figures).map(([name, row]) => ({
      label: name,
      value: row[figure].median,
      text: short(row[figure].median),
      ours: name.startsWith('kns-rootless'),
    })),
  }));
  const note = `npm run bench:peers, ${machine.date.slice(0, 10)}: medians of ${rounds}, ${machine.cpus}, load ${machine.load[0]}`;
  return barCharts(charts, note);
}
