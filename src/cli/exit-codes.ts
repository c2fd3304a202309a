/** Exit codes that are ours; any other is the command's own. As env(1), timeout(1) and shells have them. */

/** We failed before the command could start, or were asked for something that makes no sense. */
export const EXIT_FAILED = 125;
