/** Use cases that messages recommend (client/operations/hints.ts), as commands. */
import { RECOMMENDED, type Recommended } from '../operations/hints';

/** Those whose command is called otherwise, or takes an option. */
const COMMANDS: Readonly<Partial<Record<Recommended, (...of: string[]) => string>>> = {
  'backfill start': (...of) => `backfill ${of.join(' ')}`,
  'limit set': (...of) => `limit set ${of.join(' ')} --capacity <n> --reason <text>`,
  'read by force': (vehicle = '', read = '', account = '') =>
    `vehicle read ${vehicle} ${read} --account ${account} --force`,
  'start servers': () => 'up (or npm start for the demo)',
  'start worker': () => 'up --detach',
  'sync resume': (dataset = '', account = '') => `sync resume ${dataset} --account ${account}`,
};

const HINT = new RegExp(`\`(${RECOMMENDED.join('|')})((?: [^\`\\n]+)?)\``, 'g');

/** The same text, with commands in place of use cases. */
export function withCommands(text: string): string {
  return text.replace(HINT, (_, useCase: Recommended, rest: string) => {
    const of = rest.split(' ').filter((part) => part !== '');
    return `npx sluice ${COMMANDS[useCase]?.(...of) ?? [useCase, ...of].join(' ')}`;
  });
}
