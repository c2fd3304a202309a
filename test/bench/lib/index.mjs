/** What benchmarks have in common. Each is a plain program: no assertions, no test runner, figures on stdout. */

export { cpuSeconds, family, outside, residentMiB } from './accounts.mjs';
export { startEmptyApi } from './empty-api.mjs';
export { writeKubeconfig } from './kubeconfig.mjs';
export { hasProgram, machine, machineLine, packageVersion, versionOf } from './machine.mjs';
export { enterNamespace, SERVER_ADDRESS } from './namespace.mjs';
export { benchOptions } from './options.mjs';
export { compile } from './programs.mjs';
export { short, table, withSpread, writeJson } from './report.mjs';
export { inTurn } from './rounds.mjs';
export { startServer } from './server.mjs';
export { Shell } from './shell.mjs';
export { barCharts } from './svg.mjs';
export { pairedRatio, summary } from './statistics.mjs';
