/**
 * Calls to a simulated vendor, built from an account's parts alone: a token by whichever way the vendor has, and one
 * request for each operation that can be called without knowing the vendor.
 */
import { createHash, randomBytes } from 'node:crypto';
import { DAY_MS, HOUR_MS } from '../../quota/durations';
import type { FleetApi, FleetDevice } from '../capabilities/fleet';
import type { GrantApi, GrantTokens } from '../capabilities/login';
import type { VendorResponse } from '../contract';
import type { AccountParts, Vendor } from '../define';
import type { HttpRequest, Parsed } from '../http';

/** A call that can be made again and again. */
export interface SampleCall {
  readonly operation: string;
  readonly request: HttpRequest;
  /** Attributes by which limits distinguish it. */
  readonly attributes: Readonly<Record<string, string>>;
  /** What limits of tokens charge. */
  readonly tokens?: number;
  /** Why the body of a usable answer cannot be used after all; null when it can. */
  readonly problem?: (body: string) => string | null;
  /** What it asks for need not be there. */
  readonly mayBeMissing?: true;
}

/** What a vendor's parser has against a body. */
const by =
  (parse: (body: string) => Parsed<unknown>) =>
  (body: string): string | null => {
    try {
      const parsed = parse(body);
      return parsed.ok ? null : parsed.problem;
    } catch (error) {
      return `its parser throws ${String(error)}`;
    }
  };

export interface ServedSample {
  readonly vehicleId: string;
  readonly read: string;
  readonly operation: string;
  /** Calls that it takes, one for each page. */
  readonly pages: number;
}

/** Thrown when the vendor does not answer as its own parts understand it. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;
/** Vehicles that are looked at for one that has what is read. */
const VEHICLES = 8;
/** Pages of a read that are counted. */
const MOST_PAGES = 5;
/** Longest wait for a simulator's answer, ms. */
const LONGEST_MS = 60_000;
const DEPLOYMENT = { id: '0123456789abcdef' };

export class Wire {
  constructor(
    private readonly vendor: Vendor,
    private readonly parts: AccountParts,
  ) {}

  /** Sends a request to the simulator, and nowhere else. Redirects are not followed. */
  async send(request: HttpRequest): Promise<VendorResponse> {
    const { method, url, headers, body } = this.parts.identity?.identify(request, DEPLOYMENT) ?? request;
    if (!LOOPBACK.test(new URL(url).hostname)) {
      throw new WireError(`${url} is not the simulator's: do its settings() name all addresses?`);
    }
    const answer = await fetch(url, {
      ...{ method, headers, redirect: 'manual' },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(LONGEST_MS),
    });
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      body: await answer.text(),
      statusText: answer.statusText,
    };
  }

  /** @throws WireError that says what was refused. */
  private async ask<T>(request: HttpRequest, parse: (body: string) => Parsed<T>): Promise<T> {
    const { status, body } = await this.send(request);
    const parsed = status < 300 ? parse(body) : { ok: false as const, problem: body.slice(0, 300) };
    if (parsed.ok) return parsed.value;
    throw new WireError(`${request.method} ${new URL(request.url).pathname}: ${status}, ${parsed.problem}`);
  }

  private secrets(references: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(references).map(([name, reference]) => [name, this.secret(reference)]),
    );
  }

  private secret(reference: string): string {
    const name = reference.replace(/^env:/, '');
    const value = this.vendor.example?.secrets[name];
    if (value === undefined) throw new WireError(`example.secrets: has no ${name}`);
    return value;
  }

  /** What calls carry: a key, or a token that the simulator has given out. */
  async token(): Promise<string> {
    const { apiKey, login, grant } = this.parts;
    if (apiKey !== undefined) return this.secret(apiKey);
    if (login !== undefined) {
      const request = login.request(this.secrets(login.credentials), Date.now());
      return (await this.ask(request, login.parse)).accessToken;
    }
    if (grant !== undefined) return (await this.logIn(grant)).accessToken;
    throw new WireError('the account has no login, grant or apiKey');
  }

  /** A person's login, with the example's entries; the link of a device's login is followed. */
  async logIn(grant: GrantApi): Promise<GrantTokens> {
    const secrets = this.secrets(grant.credentials);
    const verifier = randomBytes(32).toString('base64url');
    const proof = { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
    if (grant.login.kind === 'device-code') {
      const code = await this.ask(grant.login.start(proof, secrets), grant.login.parseStart);
      // Whoever follows the link approves.
      await this.send({ method: 'GET', url: code.url, headers: {} });
      const judged = grant.login.judgePoll(
        await this.send(grant.login.poll(code.deviceCode, proof, secrets)),
      );
      if (judged.kind === 'tokens') return judged.tokens;
      throw new WireError(`the login whose link was followed is ${judged.kind}`);
    }
    const fields = this.vendor.example?.login ?? {};
    let step = grant.login.begin({ fields, secrets, proof, nonce: randomBytes(16).toString('hex') });
    while (step.kind === 'request') step = step.next(await this.send(step.request));
    if (step.kind === 'tokens') return step.tokens;
    throw new WireError(`the login of example.login is ${step.kind}`);
  }

  /** One call for each operation that the account's parts can ask for. */
  async samples(token: string, nowMs: number): Promise<SampleCall[]> {
    const { login, reports, texts, fleet, vehicles } = this.parts;
    return [
      ...(login === undefined
        ? []
        : [
            {
              operation: login.operation,
              attributes: {},
              request: login.request(this.secrets(login.credentials), nowMs),
              problem: by(login.parse),
            },
          ]),
      ...(reports === undefined ? [] : await this.reportSamples(reports, token, nowMs)),
      ...(texts === undefined ? [] : [this.textSample(texts, token)]),
      ...(fleet === undefined ? [] : await this.fleetSamples(fleet, token, nowMs)),
      ...(vehicles === undefined ? [] : await this.vehicleSamples(vehicles, token)),
    ];
  }

  private async reportSamples(reports: NonNullable<AccountParts['reports']>, token: string, nowMs: number) {
    const [dataset] = this.vendor.descriptions;
    if (dataset === undefined) return [];
    const partition = this.parts.partitions?.(dataset)[0] ?? {};
    const to = Math.floor((nowMs - DAY_MS) / HOUR_MS) * HOUR_MS;
    const span = { from: to - HOUR_MS, to };
    const authorized = (request: HttpRequest) => reports.authorize(request, token, nowMs);
    const attributes = reports.attributes(dataset);
    const create = authorized(reports.create({ dataset, partition, span }));
    const { reportId } = await this.ask(create, reports.parseCreate);
    const createdSince = nowMs - DAY_MS;
    return [
      { operation: reports.operations.create, attributes, request: create },
      {
        operation: reports.operations.get,
        attributes,
        request: authorized(reports.get(reportId)),
        problem: by(reports.parseGet),
      },
      {
        operation: reports.operations.list,
        attributes,
        request: authorized(reports.list({ reportType: dataset.reportType, createdSince })),
        problem: by(reports.parseList),
      },
      {
        operation: reports.operations.document,
        attributes,
        request: authorized(reports.document('none')),
        mayBeMissing: true as const,
      },
    ];
  }

  private textSample(texts: NonNullable<AccountParts['texts']>, token: string): SampleCall {
    const model = this.vendor.example?.model;
    if (model === undefined) throw new WireError('example.model: is missing; the account writes texts');
    const body = texts.request({ model, prompt: 'Say hello.', maxOutputTokens: 16 }, 'Say hello.');
    const request = texts.authorize(texts.post(body), token);
    const { operation } = texts;
    return { operation, request, attributes: texts.attributes(model), tokens: texts.estimate(body, 16) };
  }

  private async fleetSamples(fleet: NonNullable<AccountParts['fleet']>, token: string, nowMs: number) {
    const authorized = (request: HttpRequest) => fleet.authorize(request, token);
    const devices = authorized(fleet.devices());
    const [device] = await this.ask(devices, fleet.parseDevices);
    if (device === undefined) throw new WireError('the account has no device');
    const { deviceId } = device;
    const span = { from: nowMs - HOUR_MS, to: nowMs };
    const { operations } = fleet;
    const attributes = { [fleet.deviceAttribute]: deviceId };
    return [
      { operation: operations.devices, attributes: {}, request: devices, problem: by(fleet.parseDevices) },
      {
        operation: operations.positions,
        attributes: {},
        request: authorized(fleet.positions([deviceId], null)),
        problem: by(fleet.parsePositions),
      },
      {
        operation: operations.trips,
        attributes,
        request: authorized(fleet.trips(deviceId, span)),
        problem: by((body) => fleet.parseTrips(body, deviceId)),
      },
      {
        operation: operations.track,
        attributes,
        request: authorized(fleet.track(deviceId, span)),
        problem: by((body) => fleet.parseTrack(body, deviceId)),
      },
    ];
  }

  /** The account's devices, as the vendor lists them. */
  async devices(fleet: FleetApi, token: string): Promise<readonly FleetDevice[]> {
    return this.ask(fleet.authorize(fleet.devices(), token), fleet.parseDevices);
  }

  /** Reads that the simulator answers, page by page where it has pages; those of one vehicle lie together. */
  async servedReads(vehicleIds: readonly string[], token: string, most: number): Promise<ServedSample[]> {
    const { vehicles } = this.parts;
    if (vehicles === undefined) return [];
    const { resource: api } = vehicles;
    const resource =
      api === undefined ? null : await this.ask(vehicles.authorize(api.create(), token), api.parseCreate);
    const plain = vehicles.reads.filter(
      ({ params, together }) =>
        together === undefined && Object.values(params).every(({ required }) => !required),
    );
    const served: ServedSample[] = [];
    for (const { vehicleId, read } of vehicleIds.flatMap((id) =>
      plain.map((one) => ({ vehicleId: id, read: one })),
    )) {
      if (served.length === most) break;
      const pages = await this.pagesOf(vehicles, { vehicleId, resource }, read.name, token);
      if (pages !== null) served.push({ vehicleId, read: read.name, operation: read.operation, pages });
    }
    return served;
  }

  /** Null where the read is a picture, is not answered, or has no end. */
  private async pagesOf(
    vehicles: NonNullable<AccountParts['vehicles']>,
    of: { readonly vehicleId: string; readonly resource: string | null },
    read: string,
    token: string,
  ): Promise<number | null> {
    let next: string | null = null;
    for (let pages = 1; pages <= MOST_PAGES; pages++) {
      const request: HttpRequest = vehicles.read(read, { ...of, params: {}, next });
      if (request.binary) return null;
      const { status, body } = await this.send(vehicles.authorize(request, token));
      const parsed = status < 300 ? vehicles.parseRead(read, body) : null;
      if (!parsed?.ok) return null;
      if (parsed.value.next === null) return pages;
      next = parsed.value.next;
    }
    return null;
  }

  private async vehicleSamples(vehicles: NonNullable<AccountParts['vehicles']>, token: string) {
    const authorized = (request: HttpRequest) => vehicles.authorize(request, token);
    const list = authorized(vehicles.vehicles());
    const all = await this.ask(list, vehicles.parseVehicles);
    const readable = all.filter((one) => one.readable).slice(0, VEHICLES);
    if (readable.length === 0) throw new WireError('the account has no vehicle that may be read');
    const { resource: api } = vehicles;
    const resource = api === undefined ? null : await this.ask(authorized(api.create()), api.parseCreate);
    const reads: SampleCall[] = [];
    for (const { name, operation, params } of vehicles.reads) {
      if (Object.values(params).some(({ required }) => required)) continue;
      const samples = readable.map(({ vehicleId }): SampleCall => {
        const request = vehicles.read(name, { vehicleId, params: {}, resource, next: null });
        return {
          ...{ operation, request: authorized(request) },
          attributes: { [vehicles.vehicleAttribute]: vehicleId },
          ...(request.binary ? {} : { problem: by((body) => vehicles.parseRead(name, body)) }),
        };
      });
      reads.push(await this.firstServed(samples));
    }
    return [
      {
        ...{ operation: vehicles.operation, attributes: {}, request: list },
        problem: by(vehicles.parseVehicles),
      },
      ...reads,
    ];
  }

  /** Not every vehicle has everything: of a read that none of them has, the first one says so. */
  private async firstServed(samples: readonly SampleCall[]): Promise<SampleCall> {
    for (const sample of samples) {
      const { status, body } = await this.send(sample.request);
      if (status < 300 && !sample.problem?.(body)) return sample;
    }
    return samples[0] as SampleCall;
  }
}
