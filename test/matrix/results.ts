/**
 * What each cell's last run gave, in results.json: whoever tries a part of the
 * matrix, or can't try all of it, leaves the rest of the page as it was.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell, CellResult } from './cell.ts';

const FILE = join(import.meta.dirname, 'results.json');

function all(): Record<string, CellResult> {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
}

function keyOf({ section, title }: Cell): string {
  return `${section}: ${title}`;
}

export function keepResult(cell: Cell, result: CellResult): void {
  const kept = all();
  const key = keyOf(cell);
  // That it can't be tried here says nothing about what was tried elsewhere.
  if (result.missing !== undefined && kept[key]?.missing === undefined && key in kept) return;
  writeFileSync(FILE, `${JSON.stringify({ ...kept, [key]: result }, undefined, 2)}\n`);
}

export function keptResult(cell: Cell): CellResult | undefined {
  return all()[keyOf(cell)];
}
