/** Connections to a Temporal that asks for TLS, client certificates and API keys, and what is said when they fail. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { stringify } from 'yaml';
import { workerPolls } from '../../../client/operations/datasets/work';
import { parseSettings, type Settings } from '../../../settings';
import { connectClient, connectWorker } from '../../../temporal/connection';
import { workerIdentity } from '../../../temporal/worker-identity';
import { cliFor } from '../../support/cli';
import { eventually } from '../../support/eventually';
import {
  Authority,
  type Gate,
  type GateOptions,
  startGate,
  writePair,
} from '../../support/network/temporal-gate';
import { temporaryFolder, testTemporal, uniqueName } from '../../support/stacks/embedded';

const DAY = 86_400_000;
const API_KEY = 'key-that-is-nobodys-business';
const folder = temporaryFolder('tls');
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

let upstream: string;
let authority: Authority;
let stranger: Authority;
let caFile: string;
const gates: Gate[] = [];

async function gate(options: Partial<GateOptions> = {}): Promise<string> {
  const server = options.server ?? (await authority.sign('server'));
  const made = await startGate({ upstream, ...options, server });
  gates.push(made);
  return made.address;
}

interface Tls {
  readonly enabled?: boolean;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
}

function settingsFor(address: string, tls: Tls, apiKey?: string): Settings {
  const env = apiKey === undefined ? {} : { TEMPORAL_API_KEY: apiKey };
  return parseSettings(stringify({ temporal: { address, tls } }), { file: null, baseDir: folder, env });
}

/** The namespace's name as a client and as a worker read it through the connection. */
async function throughIt(settings: Settings): Promise<unknown[]> {
  const client = await connectClient(settings, null);
  const worker = await connectWorker(settings, null);
  try {
    const request = { namespace: 'default' };
    const answers = [
      await client.client.workflowService.describeNamespace(request),
      await worker.workflowService.describeNamespace(request),
    ];
    return answers.map((answer) => answer.namespaceInfo?.name);
  } finally {
    await client.close();
    await worker.close();
  }
}

async function refusal(settings: Settings): Promise<string> {
  const connected = await connectClient(settings, null, undefined, 20_000).catch((error: unknown) => error);
  if (!(connected instanceof Error)) throw new Error('it connected');
  expect(connected.name).toBe('ConnectionTrouble');
  return connected.message;
}

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  upstream = (await testTemporal()).address;
  authority = await Authority.make('Authority');
  stranger = await Authority.make('Stranger');
  caFile = file('ca.pem', authority.cert);
});

afterEach(async () => {
  for (const made of gates.splice(0)) await made.close();
  delete process.env.TEMPORAL_API_KEY;
});

afterAll(async () => {
  await Runtime.instance().shutdown();
});

describe('TLS', () => {
  test('with the authority of the settings, for clients and workers', async () => {
    expect(await throughIt(settingsFor(await gate(), { caFile }))).toEqual(['default', 'default']);
  });

  test('with a certificate for another name, when the settings say which', async () => {
    const server = await authority.sign('server', { host: 'temporal.example.com' });
    const address = await gate({ server });
    const named = settingsFor(address, { caFile, serverName: 'temporal.example.com' });
    expect(await throughIt(named)).toEqual(['default', 'default']);
    expect(await refusal(settingsFor(address, { caFile }))).toMatch(
      /another name than the address: .*temporal\.example\.com.*set temporal\.tls\.serverName/,
    );
    expect(await refusal(settingsFor(address, { caFile, serverName: 'else.example.com' }))).toContain(
      'temporal.tls.serverName (else.example.com)',
    );
  });

  test('says that the certificate is from an authority that it does not know', async () => {
    const address = await gate();
    const other = file('stranger.pem', stranger.cert);
    expect(await refusal(settingsFor(address, { caFile: other }))).toContain(
      `not from the authority in temporal.tls.caFile (${other})`,
    );
    expect(await refusal(settingsFor(address, { enabled: true }))).toContain('set temporal.tls.caFile');
  });

  test('says that the server’s certificate has expired, and when', async () => {
    const server = await authority.sign('server', {
      from: Date.now() - 3 * DAY,
      to: Date.parse('2026-11-20'),
    });
    expect(await refusal(settingsFor(await gate({ server }), { caFile }))).toMatch(
      /server's certificate has expired \(Nov 20 .*2026 GMT\)/,
    );
  });

  test('says that one side speaks TLS and the other does not', async () => {
    expect(await refusal(settingsFor(await gate(), {}))).toContain('set temporal.tls.enabled to true');
    expect(await refusal(settingsFor(upstream, { caFile }))).toContain('set temporal.tls.enabled to false');
  });
});

describe('client certificates', () => {
  test('are shown by clients and workers; without one, it says which settings', async () => {
    const address = await gate({ clients: authority });
    const own = writePair(folder, 'client', await authority.sign('client'));
    expect(await throughIt(settingsFor(address, { caFile, ...own }))).toEqual(['default', 'default']);
    expect(await refusal(settingsFor(address, { caFile }))).toMatch(
      /wants a client certificate.*set temporal\.tls\.certFile and temporal\.tls\.keyFile/,
    );
  });

  test('that have expired are distinguished from those of another authority', async () => {
    const address = await gate({ clients: authority });
    const old = await authority.sign('old', { from: Date.now() - 3 * DAY, to: Date.now() - 2 * DAY });
    const expired = writePair(folder, 'expired', old);
    expect(await refusal(settingsFor(address, { caFile, ...expired }))).toContain(
      `the client certificate in temporal.tls.certFile (${expired.certFile}) has expired`,
    );
    const foreign = writePair(folder, 'foreign', await stranger.sign('client'));
    expect(await refusal(settingsFor(address, { caFile, ...foreign }))).toContain(
      `refuses the client certificate in temporal.tls.certFile (${foreign.certFile})`,
    );
  });

  test('are checked before anything is sent', async () => {
    const own = writePair(folder, 'one', await authority.sign('one'));
    const other = writePair(folder, 'other', await authority.sign('other'));
    const trouble = (tls: Tls) => refusal(settingsFor('127.0.0.1:9', { caFile, ...tls }));
    expect(await trouble({ caFile: join(folder, 'none.pem') })).toMatch(
      /^temporal\.tls\.caFile: .*no such file/,
    );
    expect(await trouble({ caFile: file('text.pem', 'text') })).toMatch(
      /^temporal\.tls\.caFile: .*no certificate/,
    );
    expect(await trouble({ ...own, certFile: file('empty.crt', '') })).toMatch(/^temporal\.tls\.certFile: /);
    expect(await trouble({ ...own, keyFile: other.keyFile })).toMatch(
      /^temporal\.tls\.keyFile: .*not the one of temporal\.tls\.certFile/,
    );
  });
});

describe('API keys', () => {
  test('travel with every call, over TLS; others are refused, and none is ever shown', async () => {
    const address = await gate({ apiKey: API_KEY });
    process.env.TEMPORAL_API_KEY = API_KEY;
    expect(await throughIt(settingsFor(address, { caFile }, API_KEY))).toEqual(['default', 'default']);
    process.env.TEMPORAL_API_KEY = 'a-wrong-one';
    const wrong = await refusal(settingsFor(address, { caFile }, 'a-wrong-one'));
    expect(wrong).toContain('refuses the key that temporal.apiKey names, env:TEMPORAL_API_KEY');
    expect(wrong).not.toContain('a-wrong-one');
    expect(await refusal(settingsFor(address, { caFile }))).toContain('set temporal.apiKey');
    delete process.env.TEMPORAL_API_KEY;
    expect(await refusal(settingsFor(address, { caFile }, API_KEY))).toMatch(
      /^temporal\.apiKey: .*TEMPORAL_API_KEY is not set/,
    );
  });

  test('and certificates carry a worker and a workflow, and the commands say what is wrong', async () => {
    const address = await gate({ apiKey: API_KEY, clients: authority });
    const own = writePair(folder, 'both', await authority.sign('both'));
    process.env.TEMPORAL_API_KEY = API_KEY;
    const settings = settingsFor(address, { caFile, ...own }, API_KEY);
    const { client, close } = await connectClient(settings, null);
    const connection = await connectWorker(settings, null);
    const taskQueue = uniqueName('tls');
    const worker = await Worker.create({
      ...{ connection, taskQueue, workflowsPath: require.resolve('../../support/echo-workflow') },
    });
    const running = worker.run();
    const workflowId = uniqueName('echo');
    const handle = await client.workflow.start('echo', {
      ...{ taskQueue, workflowId, args: [{ text: 'through it', fail: false }] },
    });
    await handle.signal('nudge', 'all');
    expect(await handle.result()).toBe('through it all');
    worker.shutdown();
    await running;
    await connection.close();
    await close();

    const sluice = cliFor({
      ...{ databaseUrl: 'postgres://127.0.0.1:9/none', temporalAddress: address },
      settingsFile: file('sluice.yaml', stringify({ temporal: { tls: { caFile, ...own } } })),
      env: { TEMPORAL_API_KEY: 'a-wrong-one' },
    });
    const said = await sluice(['doctor']);
    expect(said.out).toMatch(/^fail\s+Temporal\s+Temporal at .*refuses the key that temporal\.apiKey names/m);
  });
});

test('a worker of this machine that was killed counts no more, though Temporal still lists it', async () => {
  const { client, close } = await connectClient(settingsFor(upstream, {}), null);
  const taskQueue = uniqueName('presence');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const over = new AbortController();
  const poll = (identity: string) =>
    client.withDeadline(Date.now() + 60_000, () =>
      client.withAbortSignal(over.signal, () =>
        client.workflowService
          .pollWorkflowTaskQueue({ namespace: 'default', taskQueue: { name: taskQueue }, identity })
          .catch(() => undefined),
      ),
    );
  const polls: Promise<unknown>[] = [];
  try {
    polls.push(poll(workerIdentity(child.pid)));
    await eventually('the worker is listed', () => workerPolls(client, taskQueue));
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    expect(await workerPolls(client, taskQueue)).toBe(false);
    polls.push(poll('4242@elsewhere'));
    await eventually('the other one is listed', () => workerPolls(client, taskQueue));
  } finally {
    child.kill('SIGKILL');
    over.abort();
    await Promise.all(polls);
    await close();
  }
});
