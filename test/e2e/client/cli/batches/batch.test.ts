import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { listBatches, readBatch } from '../../../../../store/batches/batches';
import { countItems } from '../../../../../store/batches/items';
import { readPace } from '../../../../../store/batches/pace';
import { listEvents } from '../../../../../store/events/events';
import { callsSeen } from '../../../../support/callers/vendor-view';
import { withoutBusyNotes } from '../../../../support/cli';
import { eventually } from '../../../../support/eventually';
import { ROOT, SLUICE } from '../../../../support/processes/program';
import { endWithRun } from '../../../../support/run/run-folder';
import { temporaryFolder } from '../../../../support/stacks/embedded';
import { type OpenAiStack, STEADY_DAY, startOpenAiStack } from '../../../../support/stacks/openai-stack';

/** Said of the comment in the input. */
const LEFT_OUT = 'line 2 begins with # and is left out as a comment; --no-comments makes rows of it.\n';

let stack: OpenAiStack | null = null;
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await stack?.close();
  stack = null;
});

afterAll(() => Runtime.instance().shutdown());

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(s: OpenAiStack, script: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      ...s.env,
      DATABASE_URL: s.databaseUrl,
      TEMPORAL_ADDRESS: s.temporalAddress,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) endWithRun(child.pid);
  children.push(child);
  return child;
}

/** Runs `sluice …` to its end. */
function sluice(s: OpenAiStack, settings: string, ...args: string[]): Promise<Run> {
  const child = launch(s, SLUICE, ['--settings', settings, ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (text) => {
    stdout += text;
  });
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr: withoutBusyNotes(stderr) })),
  );
}

interface Line {
  readonly artist_id: string;
  readonly artist_name: string;
  readonly request: { readonly input: string };
  readonly response_text: string;
  readonly error: unknown;
}

const ITEMS = 600;

function files(s: OpenAiStack) {
  const folder = temporaryFolder('batch');
  const path = (name: string) => join(folder, name);
  writeFileSync(path('sluice.yaml'), s.settingsYaml);
  writeFileSync(path('prompt.md'), 'Write about {{artist_name}}, who is {{artist_data}}.');
  const rows = Array.from({ length: ITEMS }, (_, n) => `id-${n},"Artist, ${n}",born ${n}`);
  writeFileSync(path('artists.csv'), `\ufeffartist_id,artist_name,artist_data\n# all\n${rows.join('\n')}\n`);
  return { folder, path };
}

test('kill -9 of a worker in the middle: every item has one result, and the same input asks for nothing again', async () => {
  stack = await startOpenAiStack({
    scenario: { latencyMs: { min: 100, max: 200 } },
    account: { concurrency: { min: 4, max: 20 } },
  });
  const s = stack;
  const { folder, path } = files(s);
  const first = await s.startWorkerProcess();
  const start = ['batch', 'start', 'openai/bios', '--account', s.account, '--model', 'gpt-4.1-mini'];
  const inputs = ['--input', path('artists.csv'), '--prompt-file', path('prompt.md')];
  const started = await sluice(s, path('sluice.yaml'), ...start, ...inputs);
  expect([started.code, started.stderr]).toEqual([0, LEFT_OUT]);
  expect(started.stdout).toContain('loaded: 600 items');

  const id = (await listBatches(s.db))[0]?.id ?? 0;
  await eventually(
    'a part is done, and how many calls in flight were good is kept',
    async () => (await countItems(s.db, id)).done > 150 && (await readPace(s.db, id)) !== null,
  );
  await first.kill();
  const killed = await countItems(s.db, id);
  expect(killed.done).toBeLessThan(ITEMS);
  const early = await sluice(
    s,
    path('sluice.yaml'),
    'batch',
    'export',
    String(id),
    '--output',
    path('part.jsonl'),
  );
  expect(early.code).toBe(0);
  expect(readFileSync(path('part.jsonl'), 'utf8').trim().split('\n').length).toBeGreaterThan(150);

  const second = await s.startWorkerProcess();
  const again = [...start, ...inputs, '--wait', '--output', path('bios.jsonl')];
  const ended = await sluice(s, path('sluice.yaml'), ...again);
  expect([ended.code, ended.stderr.includes('600 of 600 done, 0 failed')]).toEqual([0, true]);
  expect(ended.stdout).toContain('goes on');

  expect(second.log()).toMatch(
    /"change":"start".*a page was cut short \d+ s ago: half of the \d+ that were good/,
  );
  expect(await readPace(s.db, id)).toMatchObject({ endedWell: true });

  const lines = readFileSync(path('bios.jsonl'), 'utf8').trim().split('\n');
  const results = lines.map((line) => JSON.parse(line) as Line);
  expect(results.map((r) => r.artist_id)).toEqual(Array.from({ length: ITEMS }, (_, n) => `id-${n}`));
  expect(results[7]).toMatchObject({
    artist_name: 'Artist, 7',
    request: { input: 'Write about Artist, 7, who is born 7.' },
    error: null,
  });
  expect(results.every((r) => r.response_text.length > 0)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  const calls = (await callsSeen(s.simulator.url)).filter((c) => c.operation === 'createResponse');
  // At the kill at most 20 calls were in flight.
  expect(calls.length).toBeGreaterThanOrEqual(ITEMS);
  expect(calls.length).toBeLessThanOrEqual(ITEMS + 20);

  const third = await sluice(s, path('sluice.yaml'), ...start, ...inputs, '--wait');
  expect(third.code).toBe(0);
  const after = (await callsSeen(s.simulator.url)).filter((c) => c.operation === 'createResponse');
  expect(after.length).toBe(calls.length);

  // Without a file the lines go to standard output; where the file is a link, the link stays.
  const exported = ['batch', 'export', String(id)];
  const piped = await sluice(s, path('sluice.yaml'), ...exported);
  expect(piped).toEqual({
    code: 0,
    stdout: readFileSync(path('bios.jsonl'), 'utf8'),
    stderr: '600 of 600 items\n',
  });
  symlinkSync(path('part.jsonl'), path('link.jsonl'));
  await sluice(s, path('sluice.yaml'), ...exported, '--output', path('link.jsonl'));
  expect(lstatSync(path('link.jsonl')).isSymbolicLink()).toBe(true);
  expect(readFileSync(path('part.jsonl'), 'utf8')).toBe(piped.stdout);

  // What has failed may be asked for again while the batch is paused, and the pause stays.
  await sluice(s, path('sluice.yaml'), 'batch', 'pause', String(id));
  await s.db.query("update batch_items set state = 'failed' where batch_id = $1 and seq = 7", [id]);
  const retried = await sluice(s, path('sluice.yaml'), 'batch', 'retry-failed', String(id));
  expect(retried).toMatchObject({ code: 0, stderr: expect.stringContaining('It stays paused') });
  expect(await readBatch(s.db, id)).toMatchObject({ state: 'paused' });
  await sluice(s, path('sluice.yaml'), 'batch', 'resume', String(id));
  await eventually('it is done', async () => (await countItems(s.db, id)).done === ITEMS);
});

test('mistakes are reported before the first call, and a dry run calls nothing', async () => {
  stack = await startOpenAiStack();
  const s = stack;
  const { path } = files(s);
  const settings = path('sluice.yaml');
  const start = (...more: string[]) => [
    ...['batch', 'start', 'openai/bios', '--account', s.account, '--model', 'gpt-4.1-mini'],
    ...more,
  ];
  const prompt = ['--prompt-file', path('prompt.md')];
  writeFileSync(path('bad.csv'), 'artist_id,artist_name,artist_data\n1,a,b\n1,c,d\n2,e\n3,f,g\n');
  writeFileSync(path('empty.csv'), '');
  const nowhere = ['--output', path('no/such/folder/bios.jsonl')];
  const [dry, duplicate, skipped, variable, empty, folderless] = await Promise.all([
    sluice(s, settings, ...start('--input', path('artists.csv'), ...prompt, '--dry-run')),
    sluice(s, settings, ...start('--input', path('bad.csv'), ...prompt)),
    sluice(s, settings, ...start('--input', path('bad.csv'), ...prompt, '--on-bad-row', 'skip', '--dry-run')),
    sluice(s, settings, ...start('--input', path('artists.csv'), '--prompt-file', 'pmpt_68a1b2')),
    sluice(s, settings, ...start('--input', path('empty.csv'), ...prompt)),
    sluice(s, settings, ...start('--input', path('artists.csv'), ...prompt, ...nowhere)),
  ]);
  expect(dry.code).toBe(0);
  expect(dry.stdout.match(/"input": "Write about/g)).toHaveLength(3);
  expect(dry.stdout).toMatch(/600 items of some \d+ tokens each/);
  expect(dry.stdout).toContain('Nothing was called or stored.');
  expect(duplicate.code).toBe(2);
  expect(duplicate.stderr).toContain('line 3: the artist_id "1" is that of line 2 already');
  expect(duplicate.stderr).toContain('line 4: has 2 fields instead of 3');
  expect(skipped).toMatchObject({ code: 0 });
  expect(skipped.stdout).toContain('2 items');
  expect([variable.code, variable.stderr.includes('stored prompt')]).toEqual([2, true]);
  expect([empty.code, empty.stderr.includes('empty.csv holds no items')]).toEqual([2, true]);
  expect([folderless.code, folderless.stderr]).toEqual([
    2,
    expect.stringMatching(/--output: .*bios.jsonl cannot be written: there is no folder .*such.folder/),
  ]);
  expect(await callsSeen(s.simulator.url)).toEqual([]);
  expect(await listBatches(s.db)).toEqual([]);
});

test('a run has quota terms of its own; started again it takes over what is given, wakes, and shows what is left', async () => {
  stack = await startOpenAiStack({ account: { ...STEADY_DAY, concurrency: { min: 4, max: 8 } } });
  const s = stack;
  const { path } = files(s);
  const settings = path('sluice.yaml');
  const work = ['openai/bios', '--account', s.account, '--model', 'gpt-4.1-mini'];
  const inputs = ['--input', path('artists.csv'), '--prompt-file', path('prompt.md')];
  const start = (...more: string[]) => sluice(s, settings, 'batch', 'start', ...work, ...inputs, ...more);
  const refused = await start('--quota-threshold', '1.2');
  expect([refused.code, refused.stderr]).toEqual([
    2,
    '--quota-threshold: "1.2" must be a share above 0 and up to 1\n',
  ]);

  await s.startWorker();
  const first = await start('--daily-limit', '100', '--log-interval', '50');
  expect([first.code, first.stderr]).toEqual([0, LEFT_OUT]);
  const id = (await listBatches(s.db))[0]?.id ?? 0;
  await eventually('it pauses', async () => {
    const events = await listEvents(s.db, { pool: s.pool, limit: 50 });
    return events.some((e) => e.kind === 'quota.threshold_reached' && e.data.batch === id);
  });
  const shown = await sluice(s, settings, 'batch', 'show', String(id));
  expect(shown.stdout).toMatch(/Requests: [\d,]+ of 5,000 left/);
  expect(shown.stdout).toMatch(/Tokens: [\d,]+ of 4,000,000 left/);
  expect(shown.stdout).toContain('Today: 80 of 100 calls (80 %)');
  expect(shown.stdout).toContain("Pauses: it pauses at 80 % of this run's daily limit of 100 calls");
  const json = JSON.parse((await sluice(s, settings, 'batch', 'show', String(id), '--json')).stdout);
  expect(json.quota).toMatchObject({
    requests: { limit: 5000 },
    usedToday: 80,
    dailyLimit: 100,
    use: 0.8,
    shouldPause: true,
  });
  expect(json.options).toMatchObject({ dailyLimit: 100, logInterval: 50 });

  const again = await start(
    '--daily-limit',
    '100000',
    '--concurrency',
    '40',
    '--priority',
    'interactive',
    '--wait',
  );
  expect([again.code, again.stdout.includes('goes on: 80 of 600 done')]).toEqual([0, true]);
  expect(again.stdout).toContain('takes over dailyLimit 100000 (was 100)');
  expect(again.stdout).toContain('takes over maxConcurrency 40 (was the account’s)');
  expect(again.stdout).toContain('takes over priority interactive (was background)');
  expect(await readBatch(s.db, id)).toMatchObject({
    priority: 'interactive',
    options: { dailyLimit: 100_000, logInterval: 50, maxConcurrency: 40 },
  });
  const calls = (await callsSeen(s.simulator.url)).filter((c) => c.operation === 'createResponse');
  expect(calls).toHaveLength(ITEMS);

  const pool = await sluice(s, settings, 'pool', 'show', s.account);
  expect(pool.stdout).toContain('Today: 600 calls');
  const events = await sluice(s, settings, 'events', '--pool', s.account);
  expect(events.stdout).toMatch(/quota\.threshold_reached .*batch \d+: it pauses at 80 %/);
  expect(events.stdout).toMatch(/quota\.threshold_left /);
});

test('a plan says what binds, how many calls in flight reach the rate and when it ends, and calls nothing', async () => {
  stack = await startOpenAiStack();
  const s = stack;
  const { path } = files(s);
  const plan = (...more: string[]) =>
    sluice(
      s,
      path('sluice.yaml'),
      ...['batch', 'plan', 'openai/bios', '--account', s.account, '--model', 'gpt-4.1-mini'],
      ...['--input', path('artists.csv'), '--prompt-file', path('prompt.md'), ...more],
    );
  const [plain, daily, json] = await Promise.all([
    plan('--concurrency', '4'),
    plan('--daily-limit', '200', '--quota-threshold', '1'),
    plan('--daily-limit', '200', '--quota-threshold', '1', '--json'),
  ]);
  expect(plain.code).toBe(0);
  expect(plain.stdout).toContain('Binding: calls in flight.');
  expect(plain.stdout).toContain('At most 4 calls are in flight; 250 reach the rate when answers take 3 s');
  expect(plain.stdout).toContain('Nothing was called or stored.');
  expect(daily.stdout).toMatch(/Binding: this run's daily limit\. At the least .*, with 2 pauses/);
  expect(JSON.parse(json.stdout)).toMatchObject({
    items: ITEMS,
    binding: "this run's daily limit",
    pauses: 2,
    concurrency: { most: 50, needed: 250 },
  });
  expect(await callsSeen(s.simulator.url)).toEqual([]);
  expect(await listBatches(s.db)).toEqual([]);
});

test('a follower whose database fails says so and ends', async () => {
  stack = await startOpenAiStack();
  const s = stack;
  const { path } = files(s);
  const start = [
    'batch',
    'start',
    'openai/bios',
    '--account',
    s.account,
    '--model',
    'gpt-4.1-mini',
    '--wait',
  ];
  const inputs = ['--input', path('artists.csv'), '--prompt-file', path('prompt.md')];
  const child = launch(s, SLUICE, ['--settings', path('sluice.yaml'), ...start, ...inputs]);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let said = '';
  child.stderr?.on('data', (text) => {
    said += text;
  });
  await eventually('it follows', () => said.includes('0 of 600 done'));
  const before = said.length;
  await s.db.query('alter table batch_items rename to batch_items_gone');
  expect(await ended).toBe(1);
  expect(said.length).toBeGreaterThan(before);
});
