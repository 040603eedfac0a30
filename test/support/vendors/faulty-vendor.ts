/** A text vendor that a test can make faulty: it refuses, hangs, answers late, or says that the budget is spent. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export type Behavior =
  | { readonly kind: 'well'; readonly afterMs?: number }
  | { readonly kind: 'refuses'; readonly status: number }
  /** The account's budget is used up. */
  | { readonly kind: 'spent'; readonly afterMs?: number }
  /** The connection stands and nothing comes. */
  | { readonly kind: 'hangs' };

export interface FaultyVendor {
  readonly baseUrl: string;
  behavior: Behavior;
  /** Calls that have come, and those that hang now. */
  readonly calls: () => number;
  readonly hanging: () => number;
  /** Inputs that were answered with a text, in the order of the answers. */
  readonly answered: () => readonly string[];
  close(): Promise<void>;
}

export async function startFaultyVendor(behavior: Behavior = { kind: 'well' }): Promise<FaultyVendor> {
  let calls = 0;
  const open = new Set<http.ServerResponse>();
  const answered: string[] = [];
  const server = http.createServer((request, answer) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
      calls++;
      const now = vendor.behavior;
      if (now.kind === 'hangs') {
        open.add(answer);
        answer.on('close', () => open.delete(answer));
        return;
      }
      if (now.kind === 'refuses') {
        answer.writeHead(now.status, { 'content-type': 'application/json' });
        answer.end(JSON.stringify({ error: { message: 'ill', type: 'server_error', code: null } }));
        return;
      }
      if (now.kind === 'spent') {
        await new Promise((later) => setTimeout(later, now.afterMs ?? 0));
        answer.writeHead(429, { 'content-type': 'application/json' });
        answer.end(JSON.stringify({ error: SPENT }));
        return;
      }
      const { input, model } = JSON.parse(Buffer.concat(parts).toString()) as {
        input: unknown;
        model: string;
      };
      if (now.afterMs !== undefined) await new Promise((later) => setTimeout(later, now.afterMs));
      answered.push(JSON.stringify(input));
      answer.writeHead(200, { 'content-type': 'application/json', 'x-request-id': `req_${calls}` });
      answer.end(JSON.stringify(textOf(model, calls)));
    })().catch(() => answer.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const vendor: FaultyVendor = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    behavior,
    calls: () => calls,
    hanging: () => open.size,
    answered: () => answered,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
  return vendor;
}

const SPENT = {
  message: 'You exceeded your current quota, please check your plan and billing details.',
  type: 'insufficient_quota',
  param: null,
  code: 'insufficient_quota',
};

function textOf(model: string, n: number) {
  return {
    id: `resp_${n}`,
    object: 'response',
    created_at: 1_780_000_000,
    status: 'completed',
    model,
    error: null,
    incomplete_details: null,
    output: [
      {
        type: 'message',
        id: `msg_${n}`,
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: `Text ${n}.`, annotations: [] }],
      },
    ],
    usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
  };
}
