/** The environment that the program under test has wherever a test says nothing else. */

import { TEST_LINK } from './test-link.ts';

export const PROGRAM_DEFAULTS: Readonly<Record<string, string>> = {
  // No test meets an address of the outside; those that are about egress bring a network of their own.
  KNS_ROOTLESS_EGRESS: 'deny',
  ...(TEST_LINK === 'auto' ? {} : { KNS_ROOTLESS_LINK: TEST_LINK }),
};
