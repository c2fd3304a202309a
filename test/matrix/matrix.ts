/**
 * The matrix: `npm run matrix`, or `npm run matrix -- -t 'Debian 12'` for a part
 * of it. Each cell is a test, and docs/compatibility.md is written from what they
 * last gave.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Cell, type CellResult, complaints, resultOf, scriptOf } from './cell.ts';
import { CONTAINER_CELLS } from './cells/containers.ts';
import { HERE_CELLS } from './cells/here.ts';
import { RELEASE_CELLS } from './cells/releases.ts';
import { SETTING_CELLS } from './cells/settings.ts';
import { page } from './page.ts';
import { keepResult, keptResult } from './results.ts';
import { parse } from './smoke/report.ts';
import { Missing } from './tool.ts';

const PAGE = join(import.meta.dirname, '../../docs/compatibility.md');
const CELLS: readonly Cell[] = [...HERE_CELLS, ...RELEASE_CELLS, ...SETTING_CELLS, ...CONTAINER_CELLS];

async function tryCell(cell: Cell): Promise<CellResult> {
  try {
    const printed = await cell.make(scriptOf(cell));
    return resultOf(cell, parse(printed), printed);
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    return { date: new Date().toISOString().slice(0, 10), runs: [], missing: error.message };
  }
}

describe.each([...new Set(CELLS.map(({ section }) => section))])('%s', (section) => {
  for (const cell of CELLS.filter((each) => each.section === section)) {
    test(cell.title, async () => {
      const result = await tryCell(cell);
      keepResult(cell, result);
      expect(complaints(result)).toEqual([]);
    });
  }
});

afterAll(() => writeFileSync(PAGE, page(CELLS.map((cell) => ({ cell, result: keptResult(cell) })))));
