/** Never renumbered: deploy scripts and init containers decide by them. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  blocked: 3,
  notSettled: 4,
  unreachable: 5,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
