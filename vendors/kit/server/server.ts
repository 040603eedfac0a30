/**
 * The HTTP server under every simulator. A request is judged the moment it is complete, in one turn of the event
 * loop: faults, limits, the vendor's own handling, the log and the journal; only then may the answer wait.
 *
 *   GET  /_sim/health                              {vendor, now}
 *   GET  /_sim/calls?since=&operation=&account=    arrivals, oldest first
 *   GET  /_sim/stats                               counts, limits with their worst windows, faults
 *   POST /_sim/control                             changes limits, faults and whatever the vendor offers
 *   GET  /_sim/<page>                              the vendor's own pages
 */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { type Clock, monotonicClock } from '../clock';
import { type Fault, FaultBook, type FaultInput } from '../faults';
import { ArrivalLog } from '../judge/arrivals';
import { LimitBook, type LimitPatch } from '../judge/limit-book';
import { describeIssues } from '../scenario';
import type { SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../vendor';
import { applyKitControl, kitControlShape } from './control';
import { NO_JOURNAL, openJournal } from './journal';
import { type KitEntry, kitEntrySchema } from './replay';
import { sendAnswer } from './send';

export interface SimulatorServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly seed?: number;
  readonly faults?: readonly FaultInput[];
  /** Changes to the vendor's limits, by name. Throws RangeError for a name or field that is not there. */
  readonly limitChanges?: Readonly<Record<string, LimitPatch>>;
  /** Journal that lets a restarted simulator know what the one before it knew. */
  readonly stateFile?: string;
  readonly clock?: Clock;
  /** Arrivals kept for `/_sim/calls`. */
  readonly logCapacity?: number;
  /** Time every answer takes, ms, chosen evenly between the two. */
  readonly latencyMs?: { readonly min: number; readonly max: number };
  readonly maxBodyBytes?: number;
}

export interface RunningSimulator {
  readonly url: string;
  readonly port: number;
  readonly log: ArrivalLog;
  readonly limits: LimitBook;
  readonly faults: FaultBook;
  /** Same as `POST /_sim/control`; throws what would be a 400. */
  control(command: unknown): void;
  /** Same as `GET /_sim/stats`. */
  stats(): unknown;
  /** Ends every connection. Resolves when the port is free. */
  close(): Promise<void>;
}

/** @param makeVendor is given `record`, which writes an entry that `replay` gets back after a restart. */
export async function startSimulatorServer(
  makeVendor: (record: (entry: unknown) => void, clock: Clock) => SimulatedVendor,
  options: SimulatorServerOptions,
): Promise<RunningSimulator> {
  const clock = options.clock ?? monotonicClock;
  const seed = options.seed ?? 1;
  let journal = NO_JOURNAL;
  const append = (entry: KitEntry) => journal.append(entry);
  const vendor = makeVendor((entry) => append({ k: 'vendor', e: entry }), clock);
  const limits = new LimitBook(vendor.limits);
  for (const [name, patch] of Object.entries(options.limitChanges ?? {})) limits.change(name, patch, clock());
  const log = new ArrivalLog(options.logCapacity);
  const faults = new FaultBook(seed, (id) => append({ k: 'fault', id }));
  /** @throws RangeError for a code that the vendor does not have. */
  const checkCodes = (given: readonly FaultInput[]) => {
    const strange = given.find(({ code }) => code !== undefined && !vendor.errorAnswer?.(code));
    if (strange) throw new RangeError(`code: "${strange.code}" is none of the errors of ${vendor.id}`);
  };
  checkCodes(options.faults ?? []);
  for (const fault of options.faults ?? []) faults.add(fault, clock());

  const controlSchema = z.strictObject({ ...kitControlShape, ...vendor.controlShape });
  const applyControl = (value: unknown, now: number) => {
    const command = controlSchema.parse(value);
    checkCodes(command.addFaults ?? []);
    applyKitControl(command, { limits, faults, log }, now);
    vendor.control(command, now);
  };
  const control = (value: unknown) => {
    const now = clock();
    applyControl(value, now);
    append({ k: 'control', t: now, command: value });
  };

  if (options.stateFile !== undefined) {
    journal = openJournal(options.stateFile, (line) => {
      const entry = kitEntrySchema.parse(line);
      if (entry.k === 'vendor') vendor.replay(entry.e, limits);
      else if (entry.k === 'control') applyControl(entry.command, entry.t);
      else if (entry.k === 'fault') faults.replayHit(entry.id);
      else {
        const { counted, refused, ...arrival } = entry.arrival;
        log.add(arrival, refused);
        if (counted) limits.replay(counted, arrival.t, arrival.refusedBy !== undefined);
      }
    });
  }

  const stats = () => ({
    vendor: vendor.id,
    now: clock(),
    calls: log.summary(),
    limits: limits.report(clock()),
    faults: faults.list(),
    [vendor.id]: vendor.stats(),
  });

  /** Decides a call completely, without waiting unless the vendor itself must. */
  async function decide(request: SimRequest): Promise<{ answer: SimAnswer; delivery: readonly Fault[] }> {
    const { call, answer: denied } = vendor.identify(request);
    const hits = faults.take(call, request.at);
    const dropBefore = hits.find((f) => f.kind === 'drop-before');
    const injected = hits.find((f) => f.kind === 'quota' || f.kind === 'status');
    let answer: SimAnswer;
    let refusedBy: string | undefined;
    let counted = false;
    if (dropBefore) answer = { status: 0 };
    else if (denied) answer = denied;
    else {
      counted = true;
      const refusal = limits.admit(call, request.at);
      if (refusal) {
        refusedBy = refusal.limit ?? undefined;
        answer = vendor.refuse(request, call, refusal, limits);
      } else if (injected?.kind === 'quota') {
        answer = vendor.refuse(request, call, { limit: null, waitMs: injected.waitMs ?? null }, limits);
      } else if (injected) {
        answer = injectedAnswer(injected, vendor);
      } else {
        const handled = vendor.handle(request, call, limits);
        answer = handled instanceof Promise ? await handled : handled;
        const after = hits.find((f) => f.kind === 'status-after-processing');
        if (after)
          answer = { ...injectedAnswer(after, vendor), ...(answer.detail ? { detail: answer.detail } : {}) };
      }
    }
    if (!dropBefore) {
      const headers = { ...vendor.decorate(request, call, answer, limits), ...answer.headers };
      answer = { ...answer, headers };
    }
    const used =
      dropBefore ?? (denied || refusedBy ? undefined : injected) ?? hits.find((f) => f !== injected);
    note(request, call, answer, { refusedBy, fault: used?.kind, counted });
    return { answer, delivery: hits.filter((f) => f !== injected) };
  }

  function note(
    request: SimRequest,
    call: SimCall,
    answer: SimAnswer,
    how: { refusedBy: string | undefined; fault: string | undefined; counted: boolean },
  ): void {
    const arrival = {
      t: request.at,
      operation: call.operation,
      account: call.account,
      status: answer.status,
      requestId: request.requestId,
      requestDetail: { ...call.detail, ...answer.detail },
      ...(how.refusedBy === undefined ? {} : { refusedBy: how.refusedBy }),
      ...(how.fault === undefined ? {} : { fault: how.fault }),
    };
    const refused = how.refusedBy !== undefined || how.fault === 'quota';
    log.add(arrival, refused);
    if (options.stateFile === undefined) return;
    const { operation, account, attributes, units } = call;
    const counted = how.counted ? { operation, account, attributes, ...(units ? { units } : {}) } : null;
    append({ k: 'arrival', arrival: { ...arrival, refused, counted } });
  }

  /** `/_sim/…`: outside all limits and faults. */
  function administer(request: SimRequest): SimAnswer {
    const name = request.url.pathname.slice('/_sim/'.length);
    const query = request.url.searchParams;
    try {
      if (name === 'control' && request.method === 'POST') {
        control(JSON.parse(request.body.toString('utf8') || '{}'));
        return json(200, { ok: true });
      }
      if (name === 'control' && request.method === 'DELETE') {
        control({ clearFaults: true, resetLimits: true, resetLog: true });
        return json(200, { ok: true });
      }
      if (request.method !== 'GET') return json(405, { error: `${request.method} is not served here` });
      if (name === 'health') return json(200, { vendor: vendor.id, now: clock() });
      if (name === 'stats') return json(200, stats());
      if (name === 'calls') {
        const since = query.get('since');
        if (since !== null && !Number.isFinite(Number(since))) {
          throw new RangeError(`since: "${since}" is not a number of epoch milliseconds`);
        }
        const operation = query.get('operation');
        const account = query.get('account');
        return json(
          200,
          log.list({
            ...(since === null ? {} : { since: Number(since) }),
            ...(operation === null ? {} : { operation }),
            ...(account === null ? {} : { account }),
          }),
        );
      }
      const page = Object.hasOwn(vendor.pages, name) ? vendor.pages[name] : undefined;
      if (page) return json(200, page(query));
      const known = ['health', 'calls', 'stats', 'control', ...Object.keys(vendor.pages)];
      return json(404, { error: `there is no /_sim/${name}; there are: ${known.join(', ')}` });
    } catch (error) {
      if (error instanceof z.ZodError) return json(400, { error: describeIssues(error) });
      if (error instanceof RangeError || error instanceof SyntaxError)
        return json(400, { error: error.message });
      throw error;
    }
  }

  let served = 0;
  function latency(hits: readonly Fault[]): number {
    const base = options.latencyMs;
    const usual = base ? base.min + ((served++ * 0.618_034) % 1) * (base.max - base.min) : 0;
    return hits.reduce((sum, f) => (f.kind === 'latency' ? sum + f.latencyMs : sum), usual);
  }

  async function serve(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const body = await readBody(req, options.maxBodyBytes ?? 4 * 1024 * 1024);
    if (body === null) {
      await sendAnswer(res, json(413, { error: 'the request body is too large' }), [], 0);
      return;
    }
    const request: SimRequest = {
      method: req.method ?? 'GET',
      url: new URL(req.url ?? '/', `http://${req.headers.host ?? '127.0.0.1'}`),
      headers: req.headers,
      body,
      remoteAddress: req.socket.remoteAddress ?? 'unknown',
      at: clock(),
      requestId: randomUUID(),
    };
    if (request.url.pathname.startsWith('/_sim/')) {
      await sendAnswer(res, administer(request), [], 0);
      return;
    }
    const { answer, delivery } = await decide(request);
    await sendAnswer(res, answer, delivery, latency(delivery) + (answer.delayMs ?? 0));
  }

  const server = http.createServer({ keepAliveTimeout: 65_000 }, (req, res) => {
    serve(req, res).catch((error: unknown) => {
      process.stderr.write(`${vendor.id} simulator: ${req.method} ${req.url}: ${String(error)}\n`);
      if (res.headersSent) res.destroy();
      else res.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"simulator failure"}');
    });
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`,
    port,
    log,
    limits,
    faults,
    control,
    stats,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          journal.close();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function injectedAnswer(fault: Fault, vendor: SimulatedVendor): SimAnswer {
  const known = fault.code === undefined ? undefined : vendor.errorAnswer?.(fault.code);
  if (known) return { ...known, headers: { ...known.headers, ...fault.headers } };
  const status = fault.status ?? 500;
  return {
    status,
    headers: { 'content-type': 'application/json', ...fault.headers },
    body:
      fault.body ??
      vendor.faultBody?.(status) ??
      JSON.stringify({ errors: [{ code: 'InternalFailure', message: 'injected fault' }] }),
  };
}

/** A JSON answer. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): SimAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** The whole body, or null when it is longer than `max`. Rejects when the caller goes away in the middle. */
async function readBody(req: http.IncomingMessage, max: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= max) chunks.push(chunk);
  }
  return size <= max ? Buffer.concat(chunks) : null;
}
