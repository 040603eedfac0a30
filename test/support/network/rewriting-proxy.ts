/** An HTTP proxy before the vendor that can change answers, as gateways and failing vendors do. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RewrittenAnswer {
  readonly status: number;
  readonly body: Buffer | string;
}

/**
 * @param request e.g. `GET /batches/batch_1`: below the base URL, without a query. @param nth of such requests, from 1.
 * @returns what is answered instead; undefined leaves the vendor's answer as it is.
 */
export type RewriteAnswer = (
  request: string,
  answer: { readonly status: number; readonly body: Buffer },
  nth: number,
) => RewrittenAnswer | undefined;

export interface RewritingProxy {
  readonly baseUrl: string;
  close(): Promise<void>;
}

export async function startRewritingProxy(
  vendorBaseUrl: string,
  change: RewriteAnswer,
): Promise<RewritingProxy> {
  const counts = new Map<string, number>();

  async function carry(request: http.IncomingMessage, answer: http.ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const sent = await fetch(`${vendorBaseUrl}${request.url}`, {
      method: request.method ?? 'GET',
      headers: Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
        typeof value === 'string' && !HOP_BY_HOP.has(name) ? [[name, value]] : [],
      ),
      ...(parts.length > 0 ? { body: Buffer.concat(parts) } : {}),
    });
    const body = Buffer.from(await sent.arrayBuffer());
    const what = `${request.method} ${request.url?.split('?')[0]}`;
    const nth = (counts.get(what) ?? 0) + 1;
    counts.set(what, nth);
    const changed = change(what, { status: sent.status, body }, nth) ?? { status: sent.status, body };
    const headers = [...sent.headers].filter(([name]) => !HOP_BY_HOP.has(name));
    answer.writeHead(changed.status, Object.fromEntries(headers)).end(changed.body);
  }

  const server = http.createServer((request, answer) => {
    carry(request, answer).catch(() => answer.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'host',
  'keep-alive',
  'transfer-encoding',
]);
