/** A hostile server for `POST /responses`. Everything that a test does not script is a plain answer. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HostileAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body: string | object;
  readonly delayMs?: number;
}

/** @param nth of all calls, from 1. @returns null for a plain answer. */
export type HostileAnswers = (prompt: string, nth: number) => HostileAnswer | null;

export interface HostileServer {
  readonly baseUrl: string;
  /** Prompts in the order of their arrival. */
  readonly prompts: string[];
  answers: HostileAnswers;
  close(): Promise<void>;
}

export function plainAnswer(prompt: string, change: object = {}): object {
  return {
    ...{ id: 'resp_1', object: 'response', created_at: 1_790_000_000, status: 'completed' },
    output: [{ type: 'message', content: [{ type: 'output_text', text: `about ${prompt}` }] }],
    usage: { input_tokens: 5, output_tokens: 5, total_tokens: 10 },
    ...change,
  };
}

export async function startHostileServer(): Promise<HostileServer> {
  const hostile = {
    baseUrl: '',
    prompts: [] as string[],
    answers: (() => null) as HostileAnswers,
    close: () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
  const server = http.createServer(async (request, answer) => {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { input = '' } = JSON.parse(Buffer.concat(parts).toString() || '{}') as { input?: string };
    hostile.prompts.push(input);
    const scripted = hostile.answers(input, hostile.prompts.length) ?? { body: plainAnswer(input) };
    const isText = typeof scripted.body === 'string';
    const headers = { 'content-type': isText ? 'text/html' : 'application/json', ...scripted.headers };
    setTimeout(() => {
      if (answer.destroyed) return;
      answer
        .writeHead(scripted.status ?? 200, headers)
        .end(isText ? scripted.body : JSON.stringify(scripted.body));
    }, scripted.delayMs ?? 0);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  hostile.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return hostile;
}
