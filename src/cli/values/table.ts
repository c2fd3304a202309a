/** Tables for people, as kubectl has them. */

const GAP = 3;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const SECOND_MS = 1_000;
const AGE_UNITS = [
  ['d', 24 * 3600 * SECOND_MS],
  ['h', 3600 * SECOND_MS],
  ['m', 60 * SECOND_MS],
  ['s', SECOND_MS],
] as const;

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] + GAP))
      .join('')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** `12s`, `5m`, `3h`, `2d`: the largest unit alone. */
export function ageText(ms: number): string {
  const [unit, length] = AGE_UNITS.find(([, length]) => ms >= length) ?? (['s', SECOND_MS] as const);
  return `${Math.floor(ms / length)}${unit}`;
}

/** `512 B`, `1.5 MiB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 2 ** (10 * power);
  return `${power === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[power]}`;
}
