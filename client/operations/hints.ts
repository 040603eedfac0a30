/**
 * Use cases that a message recommends. The message names them in backticks, with what they are for; each face may put its
 * own wording there, as for fields (errors.ts): the command line shows a command (client/cli/hints.ts).
 */
export const RECOMMENDED = [
  'backfill list',
  'backfill resume',
  'backfill start',
  'batch list',
  'batch resume',
  'command list',
  'limit set',
  'login',
  'pool resume',
  'pool unblock',
  'read by force',
  'settings publish',
  'start servers',
  'start worker',
  'sync resume',
  'sync start',
  'vault list',
] as const;
export type Recommended = (typeof RECOMMENDED)[number];

/** `hint('pool resume', 'acme')` is `pool resume acme` in backticks. */
export function hint(useCase: Recommended, ...of: readonly string[]): string {
  return `\`${[useCase, ...of].join(' ')}\``;
}
