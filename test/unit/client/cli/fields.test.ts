/** Each field of each use case has its option or argument on the command line: no error names what nobody can type. */
import type { Command } from 'commander';
import { errorText, fieldName } from '../../../../client/cli/fields';
import { createProgram } from '../../../../client/cli/program';
import { operations } from '../../../../client/operations';
import { OperationError } from '../../../../client/operations/errors';

/** Which command calls which use case; several words are a command inside of another. */
const COMMANDS: Readonly<Record<string, string>> = {
  'backfills.plan': 'plan backfill',
  'backfills.start': 'backfill start',
  'backfills.list': 'backfill list',
  'backfills.show': 'backfill show',
  'backfills.pause': 'backfill pause',
  'backfills.resume': 'backfill resume',
  'backfills.cancel': 'backfill cancel',
  'audits.start': 'audit',
  'syncs.start': 'sync start',
  'syncs.stop': 'sync stop',
  'syncs.pause': 'sync pause',
  'syncs.resume': 'sync resume',
  'syncs.list': 'sync list',
  'polling.plan': 'plan polling',
  'polling.start': 'polling start',
  'polling.stop': 'polling stop',
  'polling.pause': 'polling pause',
  'polling.resume': 'polling resume',
  'polling.list': 'polling list',
  'datasets.coverage': 'coverage',
  'datasets.export': 'export',
  'datasets.failed': 'coverage',
  'datasets.doubts': 'doubts',
  'datasets.acceptDoubts': 'doubts',
  'datasets.setAside': 'set-aside',
  'batches.plan': 'batch plan',
  'batches.start': 'batch start',
  'batches.list': 'batch list',
  'batches.show': 'batch show',
  'batches.pause': 'batch pause',
  'batches.resume': 'batch resume',
  'batches.cancel': 'batch cancel',
  'batches.skip': 'batch skip',
  'batches.retryFailed': 'batch retry-failed',
  'batches.export': 'batch export',
  'streams.list': 'streams',
  'logins.start': 'login',
  'logins.list': 'logins',
  'logins.show': 'logins show',
  'logins.cancel': 'logins cancel',
  'commands.send': 'command',
  'commands.list': 'command list',
  'commands.show': 'command show',
  'commands.cancel': 'command cancel',
  'pools.list': 'pools',
  'pools.show': 'pool show',
  'pools.pause': 'pool pause',
  'pools.resume': 'pool resume',
  'pools.unblock': 'pool unblock',
  'pools.resetLimits': 'pool reset-limits',
  'limits.list': 'limit list',
  'limits.show': 'limit show',
  'limits.change': 'limit set',
  'limits.reset': 'limit reset',
  'events.list': 'events',
  'users.authenticate': 'user-auth',
  'vehicles.list': 'vehicles list',
  'vehicles.refresh': 'vehicles refresh',
  'vehicles.show': 'vehicles show',
  'vehicles.read': 'vehicle read',
  'vault.put': 'vault put',
  'vault.list': 'vault list',
  'vault.delete': 'vault delete',
  'vault.rotate': 'vault rotate',
  'keys.create': 'keys create',
  'keys.list': 'keys list',
  'keys.revoke': 'keys revoke',
  'retention.prune': 'prune',
  'workers.run': 'status',
  'settings.publish': 'settings publish',
  'system.explain': 'explain',
  'system.status': 'status',
  'system.doctor': 'doctor',
};

/** What programs need page by page or as rows, and the command line has as files, tables or exports. */
const OF_PROGRAMS: readonly string[] = [
  'accounts.list',
  'accounts.show',
  'batches.items',
  'batches.planFromRows',
  'batches.startFromRows',
  'batches.startFromUpload',
  'datasets.list',
  'datasets.rows',
  'events.page',
];

/** Fields that the command line fills in itself. */
const OWN: readonly string[] = [
  'datasets.setAside limit',
  // On the command line it comes in a file.
  'batches.plan prompt',
  'batches.start prompt',
  // They come on standard input.
  'users.authenticate password',
  'vault.put value',
];

function commandNamed(path: string): Command {
  return path.split(' ').reduce((parent, name) => {
    const found = parent.commands.find((one) => one.name() === name);
    if (found === undefined) throw new Error(`there is no command ${path}`);
    return found;
  }, createProgram());
}

const every = Object.entries(operations).flatMap(([area, group]) =>
  Object.entries(group).map(([name, operation]) => ({ name: `${area}.${name}`, operation })),
);
const all = every.filter(({ name }) => !OF_PROGRAMS.includes(name));

test('every use case has a command, or is one of programs', () => {
  expect(every.map(({ name }) => name).sort()).toEqual([...Object.keys(COMMANDS), ...OF_PROGRAMS].sort());
});

test.each(all)('$name: each field has its option or argument', ({ name, operation }) => {
  const command = commandNamed(COMMANDS[name] ?? '');
  const fields = Object.keys(operation.input.shape).filter((field) => !OWN.includes(`${name} ${field}`));
  expect(fields.filter((field) => fieldName(command, field) === null)).toEqual([]);
});

describe('an error in the words of the command line', () => {
  const error = new OperationError([
    {
      code: 'INVALID_INPUT',
      field: 'to',
      message: '2026-11-01T00:00Z must be after `from`, which is `later`',
    },
    { code: 'UNKNOWN_NAME', field: 'devices.2', message: '"x" is unknown' },
    { code: 'UNKNOWN_NAME', field: 'dataset', message: '"y" is unknown' },
    { code: 'FAILED', field: null, message: 'nothing was done' },
  ]);

  test('options and arguments stand for fields, one line for each problem', () => {
    expect(errorText(error, commandNamed('backfill start'))).toBe(
      [
        '--to: 2026-11-01T00:00Z must be after --from, which is `later`',
        '--device: "x" is unknown',
        'dataset: "y" is unknown',
        'nothing was done',
      ].join('\n'),
    );
  });

  test('without a command the fields stand as they are', () => {
    expect(errorText(error, null)).toContain('to: 2026-11-01T00:00Z must be after `from`');
  });
});
