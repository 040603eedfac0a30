import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { OutcomeWriter } from '../../../../../activities/batches/outcome-writer';
import { Spool } from '../../../../../activities/gateway/spool/spool';
import { generateKey, KeyRing } from '../../../../../store/secrets/keyring';

const keys = KeyRing.parse(generateKey());
const log = pino({ level: 'silent' });
let root: string;
const open: Spool[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'spool-'));
});

afterEach(async () => {
  for (const spool of open.splice(0)) await spool.stop();
  rmSync(root, { recursive: true, force: true });
});

function spoolOf(identity: string, ended: readonly string[] = []): { spool: Spool; seen: unknown[] } {
  const spool = new Spool({ root, keys, log, identity, hasEnded: (name) => ended.includes(name) });
  const seen: unknown[] = [];
  spool.on('answer', async (data) => {
    seen.push(data);
  });
  open.push(spool);
  return { spool, seen };
}

const entries = () =>
  readdirSync(root).flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.entry'))
      .map((name) => join(root, folder, name)),
  );

test('what an ended process has left is stored once, by one of those that find it', async () => {
  const { spool: dead } = spoolOf('dead');
  await dead.put('answer', { n: 1 });
  await dead.put('answer', { n: 2 });
  await (await dead.put('answer', { n: 3 })).done();
  const heirs = ['a', 'b', 'c'].map((name) => spoolOf(name, ['dead']));
  await Promise.all(heirs.map(({ spool }) => spool.start()));
  expect(heirs.flatMap(({ seen }) => seen)).toEqual([{ n: 1 }, { n: 2 }]);
  expect(entries()).toEqual([]);
});

test('what a living process holds is left to it', async () => {
  const { spool: living } = spoolOf('living');
  await living.put('answer', { n: 1 });
  const { spool, seen } = spoolOf('other');
  await spool.start();
  expect(seen).toEqual([]);
  expect(entries()).toHaveLength(1);
});

test('entries are encrypted, and for their owner alone', async () => {
  const { spool } = spoolOf('me');
  await spool.put('answer', { text: 'a text that was paid for' });
  const [file = ''] = entries();
  expect(readFileSync(file, 'utf8')).not.toContain('paid');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
});

test('an entry that cannot be stored yet stays', async () => {
  const { spool: dead } = spoolOf('dead');
  await dead.put('answer', { n: 1 });
  const { spool: heir } = spoolOf('heir', ['dead']);
  heir.on('answer', () => Promise.reject(new Error('Postgres is still away')));
  await heir.start();
  expect(entries()).toHaveLength(1);
  const { spool: next, seen } = spoolOf('next', ['heir']);
  await next.start();
  expect(seen).toEqual([{ n: 1 }]);
});

describe('a writer whose database is away', () => {
  const away = () => Promise.reject(Object.assign(new Error('gone'), { code: '57P01' }));

  test('keeps what comes in the meantime on disk too, and nothing once it is stored', async () => {
    const { spool } = spoolOf('me');
    const stored: number[] = [];
    let isAway = true;
    const writer = new OutcomeWriter<number>(
      async (outcomes) => {
        if (isAway) await away();
        stored.push(...outcomes);
      },
      { spool: { to: spool, kind: 'answer', wrap: (outcomes) => outcomes } },
    );
    const writes = [writer.write(1), writer.write(2)];
    await new Promise((later) => setTimeout(later, 500));
    writes.push(writer.write(3));
    await new Promise((later) => setTimeout(later, 4500));
    expect(entries().length).toBeGreaterThanOrEqual(1);
    isAway = false;
    await Promise.all(writes);
    expect(stored.sort()).toEqual([1, 2, 3]);
    expect(entries()).toEqual([]);
  });

  test('leaves them to the next process when its own is to end', async () => {
    const { spool } = spoolOf('me');
    const stopping = new AbortController();
    const writer = new OutcomeWriter<number>(away, {
      spool: { to: spool, kind: 'answer', wrap: (outcomes) => outcomes },
      stopping: stopping.signal,
    });
    const writing = writer.write(7);
    stopping.abort();
    await expect(writing).rejects.toThrow('gone');
    const { spool: next, seen } = spoolOf('next', ['me']);
    await next.start();
    expect(seen).toEqual([[7]]);
  });

  test('says at once what is wrong with the statement', async () => {
    const wrong = Object.assign(new Error('no such column'), { code: '42703' });
    await expect(new OutcomeWriter<number>(() => Promise.reject(wrong)).write(1)).rejects.toBe(wrong);
  });
});
