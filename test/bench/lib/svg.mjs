/** Bars side by side as an SVG that is legible on light and dark: the page's own colour for text, none behind it. */

const WIDTH = 760;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 90;
const ROW_HEIGHT = 18;
const TITLE_HEIGHT = 34;
const MARGIN = 12;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .note { font-size: 11px; fill: #57606a }
  .bar { fill: #8c959f }
  .ours { fill: #2da44e }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #8b949e }
    .bar { fill: #6e7681 }
    .ours { fill: #3fb950 }
  }`;

/**
 * @param charts `{ title, rows: { label, value, text, ours }[] }`: each on a scale of its own that begins at 0. A
 *   value that is no number has no bar and no row
 * @param note below them all
 */
export function barCharts(charts, note) {
  const parts = [];
  let y = MARGIN;
  for (const { title, rows } of charts) {
    const known = rows.filter(({ value }) => Number.isFinite(value));
    const most = Math.max(...known.map(({ value }) => value));
    parts.push(`<text class="title" x="${MARGIN}" y="${y + 16}">${escaped(title)}</text>`);
    y += TITLE_HEIGHT - 8;
    for (const row of known) {
      parts.push(bar(row, y, most));
      y += ROW_HEIGHT;
    }
    y += MARGIN;
  }
  parts.push(`<text class="note" x="${MARGIN}" y="${y + 8}">${escaped(note)}</text>`);
  const height = y + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(charts.map(({ title }) => title).join('; '))}</title>
<style>${STYLE}
</style>
${parts.join('\n')}
</svg>
`;
}

function bar({ label, value, text, ours }, y, most) {
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH - 2 * MARGIN;
  const width = Math.max(1, (value / most) * room).toFixed(1);
  const left = MARGIN + LABEL_WIDTH;
  return [
    `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="bar${ours ? ' ours' : ''}" x="${left}" y="${y + 2}" width="${width}" height="${ROW_HEIGHT - 4}" rx="2"/>`,
    `<text x="${(left + Number(width) + 6).toFixed(1)}" y="${y + 13}">${escaped(text)}</text>`,
  ].join('');
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
