/** This system, and each Node that KNS_MATRIX_NODES names, paths with colons between. */

import { delimiter } from 'node:path';
import { type Cell, ROOT, USER } from '../cell.ts';
import { runHere } from '../places/here.ts';

const others = (process.env['KNS_MATRIX_NODES'] ?? '').split(delimiter).filter(Boolean);

export const HERE_CELLS: readonly Cell[] = [process.execPath, ...others].map((node, at) => ({
  section: 'Here',
  title: at === 0 ? 'the system that ran the matrix' : `the same, another Node (${at})`,
  runs: [USER, ROOT],
  make: (script) => runHere(node, script),
}));
